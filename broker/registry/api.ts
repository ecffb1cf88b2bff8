/** What users see of a registry: the types behind `startRegistry`. */
import type { Log } from '../../bus/log.ts'
import type { TokenGrant } from '../api.ts'

export interface RegistryOptions {
  /** `http://host:port` or `https://host:port`. Port 0 picks one. Default `http://127.0.0.1:7470`. */
  listen?: string
  /** PEM of the registry's certificate chain and key, for https. */
  tls?: { cert: string | Buffer; key: string | Buffer }
  /** As for brokers; any valid token may announce and ask. Default: everybody may. */
  tokens?: readonly TokenGrant[] | string
  logger?: Log
  /** A broker that did not announce itself for so long is forgotten. Default 6,000; 300 to 600,000. */
  leaseMs?: number
}

export interface RegistrySnapshot {
  /** A random id of this life of this copy; versions mean something only within it. */
  copy: string
  /** Grows with every change. */
  version: number
  brokers: {
    id: string
    life: number
    idc: string
    urls: string[]
    /** Its admin API, if it announced one. */
    admin?: string
    ageMs: number
  }[]
  /** Clients that wait for a change. */
  waiters: number
}

export interface Registry extends AsyncDisposable {
  /** Where it listens, with the port it got. */
  readonly url: string
  snapshot(): RegistrySnapshot
  /** Ends whoever waits, and closes. */
  close(): Promise<void>
}
