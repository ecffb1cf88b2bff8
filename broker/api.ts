/** What users see of a broker: the types behind `startBroker`. */
import type { Log } from '../bus/log.ts'
import type { BrokerView, QueueView, TopicView } from './core/view.ts'

export interface BrokerTls {
  /** PEM of the broker's certificate chain and key. */
  cert: string | Buffer
  key: string | Buffer
  /** PEM of the authorities whose client certificates are asked for. Default: none are. */
  clientCa?: string | Buffer
}

/** One token and what it opens. Patterns: a topic, a prefix ending in `.*`, or `*`. */
export interface TokenGrant {
  token: string
  /** Who holds it, for logs. */
  name?: string
  /** Topics it may request. Default: none. */
  request?: readonly string[]
  /** Topics it may answer. Default: none. */
  reply?: readonly string[]
}

export interface BrokerOptions {
  /** `ws://host:port`, `wss://host:port` or `unix:/path`. Port 0 picks one. Default `ws://127.0.0.1:7400`. */
  listen?: string
  /** Default: a random one. Must differ between brokers. */
  id?: string
  /** The broker's data centre. Default `local`. */
  idc?: string
  tls?: BrokerTls
  /** Tokens that may connect; a path names a JSON file with an array of them. Default: everybody may. */
  tokens?: readonly TokenGrant[] | string
  /** Origins that browsers may connect from. Default: none; clients without Origin always may. */
  origins?: readonly string[]
  logger?: Log
  /** Waiting and unanswered requests of one queue. Default 10,000; 1 to 1,000,000. */
  maxDepth?: number
  /** The same in bytes. Default 32 MiB. */
  maxDepthBytes?: number
  /** Largest body. Default 1 MiB; 1 KiB to 64 MiB. */
  maxBodyBytes?: number
  /** Clients linked at once. Default 20,000. */
  maxSessions?: number
  /** Topics known at once. Default 20,000. */
  maxTopics?: number
  /** After a restart a topic without responder is not yet called so for this long. Default 2,000. */
  warmUpMs?: number
  /** How long a lost client may come back to its session. Default 10,000. */
  sessionHoldMs?: number
  pingMs?: number
  silenceMs?: number
}

export type { BrokerView as BrokerSnapshot, QueueView as QueueSnapshot, TopicView as TopicSnapshot }

export interface Broker extends AsyncDisposable {
  /** Where it listens, with the port it got. Give it to `connect`. */
  readonly url: string
  readonly id: string
  readonly idc: string
  snapshot(): BrokerView
  /** Hands back what waits, tells every client goodbye, and closes. */
  close(): Promise<void>
}
