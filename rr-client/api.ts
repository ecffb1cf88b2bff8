/** What users see of a bus: the types behind `connect`, `request` and `reply`. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type CircuitBreaker from 'opossum'
import type { Advisory } from '../bus/advisory.ts'
import type { Codec } from '../bus/codec.ts'
import type { Headers } from '../bus/headers.ts'
import type { Log } from '../bus/log.ts'

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
  /** Travels with requests and with what handlers request in turn. */
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
  /** Calls with one key go to one instance while the same instances live (affinity, not exclusion). */
  key?: string
  /** Text by lower-case name, at most 16 KiB together. */
  headers?: Headers
  /** Wait, within the deadline, for someone to answer the topic. Default false. */
  waitForResponder?: boolean
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
   * never two at a time. Needs a fixed list of brokers. Default false.
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
  life: number
  inFlight: number
  unsentBytes: number
}

export interface BusSnapshot {
  instance: string
  name: string
  idc: string
  state: 'open' | 'draining' | 'closed'
  links: LinkSnapshot[]
  topics: { topic: string; group: string; queues: number; writable: number }[]
  answering: { topic: string; group: string; queues: number; running: number; waiting: number }[]
  inFlight: number
  marks: number
  keptReplyBytes: number
  /** How often each thing happened since `connect`. */
  counters: Record<string, number>
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
  /** What a broker says of itself: its topics and queues. Used by the command line. */
  inspect(): Promise<unknown>
  /** Drains and ends. A second call returns the first one's promise. */
  close(options?: CloseOptions): Promise<CloseReport>
}
