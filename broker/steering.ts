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
   * Sends an order to a client. Rejects with a BusError: `not_connected` if it is not linked here,
   * `deadline_exceeded` if it does not answer in time.
   */
  order(instance: string, order: Order, withinMs: number): Promise<OrderAnswer>
  /**
   * Sends the same order to every client that is linked, and to each that links until `until` (on the
   * broker's own clock, `now()`); a later one with the same id replaces it, `to: 'auto'` ends it.
   * Answers of those linked now come by `order`; this is for those that come later.
   */
  keepOrder(order: Order, id: string, until: number): void
  dropOrder(id: string): void
  now(): number
  /** What is remembered here of a call, oldest first. */
  trace(correlationId: string): TraceEvent[]
  /** Keeps an instance from owning a queue of the topic here; what waits there goes back. */
  hold(topic: string, instance: string, reason: string, forMs: number): boolean
  release(topic: string, instance: string): boolean
  /**
   * Takes no new work: queues go, what waits is handed back, new clients are refused `draining`. Resolves
   * when nothing is unanswered, or when time is up; then every client is told goodbye.
   */
  drain(withinMs: number): Promise<{ handedBack: number; abandoned: number }>
  /** Ends a drain: clients come back by themselves. */
  resume(): void
  /** Ends a client's session; it is not let in again for `banMs`. False if it is not known. */
  kick(instance: string, reason: string, banMs: number): boolean
  /** Changes what is named and nothing else; undefined if the topic is not known. */
  setLimits(
    topic: string,
    limits: Partial<DepthLimits>,
  ): { before: DepthLimits; after: DepthLimits } | undefined
}
