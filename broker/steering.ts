/** What a broker lets its admin side see and do: the one way from `admin/` into the core. */
import type { Advisory } from '../bus/advisory.ts'
import type { Order, OrderAnswer } from '../bus/order.ts'
import type { TraceEvent } from '../bus/trace.ts'
import type { BrokerView, SessionView } from './core/view.ts'

/** Who a client is, as it said in its hello. */
export interface ClientIdentity {
  readonly instance: string
  readonly name: string
  readonly idc: string
  readonly label: string
}

export interface DepthLimits {
  maxDepth: number
  maxDepthBytes: number
}

/** What the admin side is told as it happens. None of these may throw. */
export interface Watcher {
  advised(advisory: Advisory): void
  /** JSON as it came; nothing of it was checked. */
  reported(client: ClientIdentity, json: Buffer): void
  /** A client is linked, lost its link, or its session is over. */
  clientIs(client: ClientIdentity, state: 'up' | 'lost' | 'gone'): void
}

export interface Steering {
  readonly id: string
  readonly idc: string
  readonly life: number
  snapshot(): BrokerView
  /** In the order of their instances, those after the named one. */
  sessions(after: string, limit: number): SessionView[]
  session(instance: string): SessionView | undefined
  /** From now on clients report, calls are traced, and the watcher is told; once, at the start. */
  watch(watcher: Watcher): void
  /**
   * Sends an order to a client. The answer is an object as the client gave it; nothing in it was checked.
   * Rejects with a BusError: `not_connected` if it is not linked here, or is lost before it answers,
   * `deadline_exceeded` if it does not answer in time, `overloaded` if 10,000 orders are open.
   */
  order(instance: string, order: Order, withinMs: number): Promise<OrderAnswer>
  /**
   * Sends an order to each client that links from now on until `until` (on the broker's own clock,
   * `now()`); to those linked already it is sent by `order`, which gives their answers. The `forMs` of a
   * force is what is left of it then. A later order with the same id takes its place: one `to: 'auto'`,
   * kept as long, also ends the first at clients that were away. At most 200 are kept; one more throws
   * `overloaded`.
   */
  keepOrder(order: Order, id: string, until: number): void
  dropOrder(id: string): void
  now(): number
  /** What is remembered here of a call, oldest first; nothing while nobody watches. */
  trace(correlationId: string): TraceEvent[]
  /**
   * Keeps an instance from owning a queue of the topic here, until that time is over or it is released.
   * What waits in its queue goes back to be sent elsewhere, what it runs it finishes. If no other instance
   * answers, calls get what they get when nobody does: the operator decides. Of an active/standby topic it
   * gives this broker's vote back; it stays active while it has enough of the others'. A second hold takes
   * the place of the first. False if it does not answer the topic here; throws `overloaded` at 10,000 holds.
   */
  hold(topic: string, instance: string, reason: string, forMs: number): boolean
  release(topic: string, instance: string): boolean
  /**
   * Takes no new work: queues go, what waits is handed back, new clients are refused `draining` (one that
   * lost its link may come back until the end). When nothing is unanswered, or when time is up, every
   * client is told goodbye, and this resolves: `abandoned` had no answer by then. A second call while it
   * drains sets the time anew. If the broker resumes or closes meanwhile it resolves with what was handed
   * back so far; if it is closed already it rejects.
   */
  drain(withinMs: number): Promise<{ handedBack: number; abandoned: number }>
  /** Ends a drain: clients come back by themselves. */
  resume(): void
  /**
   * Ends a client's session, as when it is lost and does not come back: its queues go at once, and the
   * requesters of what it runs are told that it was lost here (they ask it by another broker). It is told
   * why, dials again, and is refused `forbidden` for `banMs`; 0: not at all. False if it is not known.
   */
  kick(instance: string, reason: string, banMs: number): boolean
  /**
   * Changes what is named and nothing else, at once and for as long as the topic is known. A queue that
   * holds more already takes nothing more, and loses nothing. Bounds as in `BrokerOptions`; throws
   * `invalid_argument`. Undefined if the topic is not known.
   */
  setLimits(
    topic: string,
    limits: Partial<DepthLimits>,
  ): { before: DepthLimits; after: DepthLimits } | undefined
}
