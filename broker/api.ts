/** What users see of a broker: the types behind `startBroker`. */
import type { Log } from '../bus/log.ts'
import type { DarkLaunchRule } from '../bus/rules.ts'
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

/** What `tryIt` answers: the reply, the id to trace the call by, and how long it took. */
export interface TriedCall {
  reply: unknown
  correlationId: string
  tookMs: number
}

export interface AdminOptions {
  /** `http://host:port`. */
  listen: string
  /** Admin APIs of the other brokers of the cluster. */
  peers?: string[]
  /** For peers on https: PEM of the authority that signed theirs, and of a certificate to show. */
  peerTls?: { ca?: string | Buffer; cert?: string | Buffer; key?: string | Buffer }
  /** Makes one call for the dashboard. Rejects as `bus.request` does. Without it there is no such call. */
  tryIt?: (
    topic: string,
    body: unknown,
    options: {
      timeoutMs?: number
      headers?: Record<string, string>
      key?: string
      idempotent?: boolean
    },
  ) => Promise<TriedCall>
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
  /**
   * Dark-launch rules; a path names a JSON file with an array of them, or with `{ version, rules }`.
   * Give all brokers the same: of different ones the highest version counts. Default: none.
   */
  rules?: readonly DarkLaunchRule[] | string
  /** Origins that browsers may connect from. Default: none; clients without Origin always may. */
  origins?: readonly string[]
  /**
   * Registries to announce it to, `http://host:port` or `https://host:port`, each on its own. One that
   * does not answer hinders nothing; one that refuses keeps the broker from starting. Default: none.
   */
  registry?: string | readonly string[]
  /** Shown to registries that ask for one. */
  registryToken?: string
  /** For https registries: PEM of the authority that signed theirs, and of a certificate to show. */
  registryTls?: {
    ca?: string | Buffer
    cert?: string | Buffer
    key?: string | Buffer
    serverName?: string
  }
  /** The urls to announce, at most 8, the one to try first first. Default: where it listens. */
  advertise?: string | readonly string[]
  /** The admin API and its dashboard. Default: none. */
  admin?: AdminOptions
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

export type {
  BrokerView as BrokerSnapshot,
  DarkLaunchRule,
  QueueView as QueueSnapshot,
  TopicView as TopicSnapshot,
}

export interface Broker extends AsyncDisposable {
  /** Where it listens, with the port it got. Give it to `connect`. */
  readonly url: string
  readonly id: string
  readonly idc: string
  snapshot(): BrokerView
  /**
   * Dark-launch rules in place of those there were, told at once to whoever calls their topics. The
   * version must be above the present one; by default it is the file's, or the next. Returns it.
   */
  setRules(rules: readonly DarkLaunchRule[] | string, version?: number): number
  /** Hands back what waits, tells every client goodbye, and closes. */
  close(): Promise<void>
}
