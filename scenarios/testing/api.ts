/** What authors of tests see: the types behind `testBus`. */
import type { Broker, BrokerOptions } from '../../broker/index.ts'
import type { AnyContracts, Bus, ConnectOptions } from '../../rr-client/index.ts'

export interface TestBusOptions {
  /** Everything that is left to chance is drawn from it. Default 1. */
  seed?: number
  /** Milliseconds a message takes within a data centre, each way. Default 1; 0 to 60,000. */
  latencyMs?: number
  /** The same between data centres. Default 20. */
  awayMs?: number
}

/** As for `startBroker`, without what is about sockets and registries. */
export type TestBrokerOptions = Omit<
  BrokerOptions,
  'id' | 'listen' | 'tls' | 'origins' | 'registry' | 'registryToken' | 'registryTls' | 'advertise'
>

/** As for `connect`, without what is about sockets. */
export interface TestConnectOptions extends Omit<ConnectOptions, 'tls'> {
  /** The brokers to link to. Default: all that the world has by now. */
  brokers?: readonly Broker[]
}

/** A client of the world: what `connect` gave, whatever its contracts. */
export type AnyBus = Pick<Bus, 'instance'>
/** A process of the world: what `connect` or `broker` gave. */
export type End = AnyBus | Broker

export interface For {
  /** Undone after so long. Default: when `heal` is called. */
  forMs?: number
}

export interface From extends For {
  /** What it is kept apart from. Default: everything it links to. */
  from?: End
}

export interface FaultOptions extends For {
  /** The share of all messages over which their link breaks; 0 to 1. Default 0. */
  resets?: number
  /** The share of all messages that come late; 0 to 1. Default 0. */
  delays?: number
  /** By how much at most. Default 100. */
  delayMs?: number
}

export interface CloseOptions {
  /** How long calls, handlers and drains may take to end, in the world's time. Default 10,000. */
  withinMs?: number
}

/**
 * A bus for tests: real clients and real brokers in a time of their own, which moves only while
 * somebody awaits something of the world, and then as fast as it can. The same seed and the same
 * acts give the same history.
 */
export interface TestBus extends AsyncDisposable {
  /** Milliseconds since the world began. */
  readonly now: number
  /** What happened so far, a line each, for the output of failed tests. The last 10,000. */
  readonly history: readonly string[]
  /** Starts a broker. It counts as up for long: only after `restart` does it warm up. */
  broker(name?: string, options?: TestBrokerOptions): Promise<Broker>
  /** A client in a process of its own, as by `connect`. */
  connect<C = AnyContracts>(options?: TestConnectOptions): Promise<Bus<C>>

  /** Waits in the world's time: in handlers and in tests. Fit to be handed to what is tested. */
  readonly sleep: (ms: number, options?: { signal?: AbortSignal }) => Promise<void>
  /** Waits until `isSo`, looking whenever time moves; rejects after `withinMs`, default 60,000. */
  until(what: string, isSo: () => boolean, withinMs?: number): Promise<void>
  /** A signal that aborts in the world's time, as `AbortSignal.timeout` does in real time. */
  abortAfter(ms: number): AbortSignal
  /**
   * Time stands still until the promise settles: for everything that is not the world's, such as a
   * file, a database or a timer of Node. Without it deadlines pass while such work is done.
   */
  outside<T>(work: Promise<T> | (() => Promise<T>)): Promise<T>

  /** Runs code as this client's own: what it waits for stands still when the client is frozen or dead. */
  within<T>(bus: AnyBus, work: () => T): T

  /** As by kill -9: it stops at once, and what it was doing is lost. */
  kill(end: End): void
  /** It does nothing any more, and says so to nobody, until it goes on. */
  freeze(end: End, options?: For): void
  thaw(end: End): void
  /** The broker in a new life, which knows nothing of the one before. */
  restart(broker: Broker): void
  /** The handlers of a client take so much longer before they start. */
  slow(bus: AnyBus, options: { byMs: number } & For): void
  /** What is sent is swallowed, and nobody is told. `oneWay`: only what `end` sends. */
  cut(end: End, options?: From & { oneWay?: boolean }): void
  /** The links break, once. */
  reset(end: End, options?: { from?: End }): void
  /** The links break, and new ones are refused. */
  part(end: End, options?: From): void
  /** Messages take so much longer, each way. */
  delay(end: End, options: { byMs: number } & From): void
  /** Chance, by the seed: links that break, messages that come late. */
  faults(options: FaultOptions): void
  /** All ways are as they were, and nobody is frozen or slow. What is dead stays dead. */
  heal(): void

  /**
   * Heals the world, lets everything come to its end, and closes all of it. Rejects naming what has
   * not ended: calls, handlers, sleeps, work outside; and with what a client or broker caught in itself.
   */
  close(options?: CloseOptions): Promise<void>
}
