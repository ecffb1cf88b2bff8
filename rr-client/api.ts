/** What users see of a bus: the types behind `connect`, `request` and `reply`. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type CircuitBreaker from 'opossum'
import type { Advisory } from '../bus/advisory.ts'
import type { Codec } from '../bus/codec.ts'
import type { Headers } from '../bus/headers.ts'
import type { Log } from '../bus/log.ts'
import type { CircuitReport, RouteReport } from '../bus/report.ts'

/** Topics of an application and what goes over them: `connect<Contracts>()` makes calls typed. */
export type Contracts = Record<string, { request: unknown; reply: unknown }>
/** The contracts of a bus that was given none. */
// biome-ignore lint/suspicious/noExplicitAny: without contracts a caller may read any reply as it likes, as with JSON.parse
export type AnyContracts = Record<string, { request: any; reply: any }>

export type TopicOf<C> = Extract<keyof C, string>
export type RequestOf<C, T extends TopicOf<C>> = C[T] extends { request: infer R } ? R : never
export type ReplyOf<C, T extends TopicOf<C>> = C[T] extends { reply: infer R } ? R : never

export interface TlsOptions {
  /** PEM of the authorities that may have signed the broker's certificate. */
  ca?: string | Buffer
  /** PEM of this client's certificate and key, for brokers that ask for one. */
  cert?: string | Buffer
  key?: string | Buffer
  /** Name to expect in the broker's certificate, if not the host of the url. */
  serverName?: string
}

export interface ConnectOptions {
  /** What people call this instance, such as `accounts-1`. Default: `client`. */
  name?: string
  /** The group whose instances share the topics this client answers. Default: the name. */
  group?: string
  /**
   * Travels with requests and with what handlers request in turn. Where a dark-launch rule of a
   * broker names it, this instance gets the calls which that rule means, and no others.
   */
  label?: string
  /** The client's data centre. Default: `local`. */
  idc?: string
  /** Shown to brokers that ask for one. */
  token?: string
  tls?: TlsOptions
  /** pino, or anything with its methods. Default: silent. */
  logger?: Log
  /** Default: JSON. */
  codec?: Codec
  /** Calls open at once; a tenth is kept for calls made inside handlers. Default 20,000; 1 to 1,000,000. */
  maxInFlight?: number
  /** Default time for a call, in milliseconds. Default 3,000; 1 to 86,400,000. */
  timeoutMs?: number
  /** How long `connect` tries before it rejects. Default 5,000. */
  connectTimeoutMs?: number
  /** A batch unacknowledged for so long, with calls in flight, has its link pinged and avoided. Default 250. */
  pingMs?: number
  /** A batch unacknowledged for so long, with calls in flight, means the link is dead. Default 1,000. */
  silenceMs?: number
}

export interface RequestOptions {
  /** The call settles within this many milliseconds. Default: the bus's `timeoutMs`. */
  timeoutMs?: number
  /** Aborting it rejects the call `cancelled` and aborts the handler's `ctx.signal`. */
  signal?: AbortSignal
  /** The handler and all it does may run more than once for this call. Default false. */
  idempotent?: boolean
  /**
   * Calls with one key go to one instance while the same instances live (affinity, not exclusion).
   * Dark-launch rules by percentage mean keys: always the same ones.
   */
  key?: string
  /** Text by lower-case name, at most 16 KiB together. Dark-launch rules may go by it. */
  headers?: Headers
  /**
   * Wait, within the deadline, for someone to answer the topic; with `idempotent` also for one that takes
   * over when the responder is lost with the call. Default false.
   */
  waitForResponder?: boolean
  /**
   * Told the id by which the call can be traced, once and soon after `request` returns, whether or not it is
   * sent; not told if there is no call: the circuit is open, or too many are in flight. What it throws, or
   * its promise rejects with, is logged as an error and changes nothing for the call.
   */
  onAccepted?: (correlationId: string) => void
}

/** What a handler knows of the call it answers. */
export interface HandlerContext<C = AnyContracts> {
  /** Aborts when the caller gives up, the deadline passes, or `close()` abandons the call. */
  readonly signal: AbortSignal
  /** Milliseconds until the caller gives up, 0 at the least. */
  remainingMs(): number
  /** 1 for the first send of the call; more when the bus sent it again. */
  readonly attempt: number
  /** The same on every attempt. */
  readonly correlationId: string
  readonly topic: string
  readonly headers: Headers
  /** The data centre this handler runs in. */
  readonly idc: string
  /** A call on behalf of this one: inherits its deadline (less 5 ms), its trace headers and label. */
  request<T extends TopicOf<C>>(
    topic: T,
    body: RequestOf<C, T>,
    options?: RequestOptions,
  ): Promise<ReplyOf<C, T>>
}

export type Handler<C, T extends TopicOf<C>> = (
  body: RequestOf<C, T>,
  ctx: HandlerContext<C>,
) => ReplyOf<C, T> | Promise<ReplyOf<C, T>>

export interface ReplyOptions {
  /** Handlers of this registration that run at once, over all brokers. Default 64; 1 to 10,000. */
  concurrency?: number
  /** Deliveries held beyond those that run, so that the next one is at hand. Default 64; 0 to 10,000. */
  prefetch?: number
  /** The group that answers the topic. Default: the group of the bus. */
  group?: string
  /**
   * One instance of the group is active, over all brokers, and the others take over when it is gone;
   * never two at a time. The brokers vote: it takes a majority of the list given to `connect`, which must
   * name the same brokers for every instance, each once. So with two brokers nobody can take over
   * while one is down, nor with an even split between two data centres. What the last active instance
   * had started may still run when the next one starts. Resolves when a broker has taken the offer,
   * perhaps standing by. Default false.
   */
  standby?: boolean
  /**
   * Bounds of the group's queues at each broker. Below `min` in one data centre instances of others
   * take part; beyond `max` instances stand by. 0, the default: one queue for each instance.
   */
  queues?: { min?: number; max?: number }
  /** Checks bodies before the handler runs; a mismatch is `invalid_argument`, not executed. */
  schema?: StandardSchemaV1
}

/** A topic being answered. */
export interface Answering extends AsyncDisposable {
  readonly topic: string
  readonly group: string
  /** Queues owned now, over all brokers. */
  readonly queues: number
  /** Takes no more work, hands back what has not started, waits for what runs. */
  close(options?: CloseOptions): Promise<CloseReport>
}

export interface CloseOptions {
  /** How long running handlers and open calls may take to finish. Default 5,000. */
  timeoutMs?: number
}

/** What a close did: the proof that nothing was lost unnoticed. */
export interface CloseReport {
  /** Handlers that ran to their end, and calls that settled, while closing. */
  finished: number
  /** Deliveries given back unstarted; their callers send them elsewhere. */
  handedBack: number
  /** Handlers still running, and calls still open, when time was up. */
  abandoned: number
}

/** The state of one link. */
export interface LinkSnapshot {
  url: string
  state: 'connecting' | 'up' | 'waiting' | 'closed'
  broker: string
  idc: string
  /** It gets this client's traffic; the others get heartbeats until they are needed. */
  isHome: boolean
  life: number
  inFlight: number
  unsentBytes: number
  /** Round trip of the last ping, in whole milliseconds; absent before the first. */
  rttMs?: number
}

/** What one copy of the registry has to say. Its loss changes nothing for brokers that are known. */
export interface RegistrySnapshot {
  url: string
  state: 'asking' | 'known' | 'lost' | 'refused'
  /** Why it is lost or refused. */
  reason: string
  copy: string
  version: number
  /** Brokers in its last answer that was taken. */
  brokers: number
}

/** A topic that this client calls. */
export interface TopicView {
  topic: string
  group: string
  queues: number
  writable: number
  /** Its calls have left this client's data centre, and have not all returned. */
  isAway: boolean
  /** Settled calls since it was first called: `ok`, or `code outcome`, such as `deadline_exceeded unknown`. */
  ends: Record<string, number>
  /** Attempts sent, by the data centre of the responder. */
  sentTo: Record<string, number>
  /** How long settled calls took: half of them at most so long. Known while a broker observes this client. */
  p50Ms?: number
  /** The same for 99 of 100. */
  p99Ms?: number
  routes: RouteView[]
}

/** The circuit of a topic. */
export interface CircuitView extends CircuitReport {
  topic: string
  /** Calls of the last ten seconds, as the circuit counts them. */
  counts: { successes: number; failures: number; rejects: number }
}

/** A topic that this client answers. */
export interface AnsweringView {
  topic: string
  group: string
  /** `all`: every instance of the group answers; otherwise one is active, and the others stand by. */
  role: 'all' | 'active' | 'standby'
  queues: number
  running: number
  waiting: number
}

/** One queue as this client sees it. */
export interface RouteView extends RouteReport {
  epoch: number
  label: string
}

export interface BusSnapshot {
  instance: string
  name: string
  idc: string
  state: 'open' | 'draining' | 'closed'
  links: LinkSnapshot[]
  /** Empty without registries. */
  registries: RegistrySnapshot[]
  topics: TopicView[]
  answering: AnsweringView[]
  /** Those there are: a circuit appears with a topic's first failure, or when it is asked for. */
  circuits: CircuitView[]
  inFlight: number
  marks: number
  keptReplyBytes: number
  /** How often each thing happened since `connect`. */
  counters: Record<string, number>
}

/** An operator's word about a topic, at this client. */
export interface ForceOptions {
  /**
   * `open`: no calls. `closed`: calls, whatever failed. `probe`: one call is let through now, and what
   * becomes of it decides. `auto`: an earlier word is taken back.
   */
  to: 'open' | 'closed' | 'probe' | 'auto'
  /**
   * The circuit around all calls to the topic, or its queues, those that come later among them. Default
   * `circuit`.
   */
  what?: 'circuit' | 'queues'
  /** Queues of this instance only. */
  instance?: string
  /** Queues whose owners run in this data centre only. */
  idc?: string
  /** Why; callers and logs see it. */
  reason: string
  /** How long `open` and `closed` hold, in milliseconds. Default 60,000; 1 to 86,400,000. */
  forMs?: number
}

/** How many circuits and queues a force meant when it was said. */
export interface ForceReport {
  circuits: number
  queues: number
}

/** A client of the bus: it requests, it answers, or both. */
export interface Bus<C = AnyContracts> extends AsyncDisposable {
  /** This instance's id: one life of one client object. */
  readonly instance: string
  /**
   * Sends a request and settles exactly once: the reply, the handler's ServiceError, or a BusError
   * whose `outcome` says whether the handler ran. A Uint8Array body must not change until then.
   */
  request<T extends TopicOf<C>>(
    topic: T,
    body: RequestOf<C, T>,
    options?: RequestOptions,
  ): Promise<ReplyOf<C, T>>
  /** Answers a topic; resolves once the first queue takes requests. Declared again on reconnect. */
  reply<T extends TopicOf<C>>(
    topic: T,
    handler: Handler<C, T>,
    options?: ReplyOptions,
  ): Promise<Answering>
  /** News of links and routes from now on, until the bus closes or the loop ends. */
  status(): AsyncIterableIterator<Advisory>
  snapshot(): BusSnapshot
  /** The opossum circuit around calls to a topic. */
  circuit(topic: TopicOf<C>): CircuitBreaker
  /** Overrules the circuit of a topic, or the isolation of its queues, for a while. */
  force(topic: TopicOf<C>, options: ForceOptions): ForceReport
  /** What a broker says of itself: its topics and queues. Used by the command line. */
  inspect(): Promise<unknown>
  /** Drains and ends. A second call returns the first one's promise. */
  close(options?: CloseOptions): Promise<CloseReport>
}
