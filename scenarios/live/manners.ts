/** What the processes of a drill have in common: who they are, how they speak of defects, how they end. */
import type { ConnectOptions, Log } from '../../rr-client/index.ts'

/** Urls of brokers, or of registries that know them. */
export type Target = readonly string[] | { registry: readonly string[] }

/** How one client reaches the brokers, by ways of its own. */
export interface Access {
  target: Target
  token?: string
}

export interface Who extends Access {
  name: string
  idc: string
  topic?: string
  connectTimeoutMs?: number
}

/** A defect ends its process, and with it the drill's good opinion. */
export const log: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (...what: unknown[]) => {
    const [about] = what as [{ error?: unknown } | undefined]
    setImmediate(() => {
      throw about?.error ?? new Error(String(what))
    })
  },
}

export const optionsOf = ({ name, idc, token, connectTimeoutMs }: Who): ConnectOptions => ({
  ...{ name, idc, logger: log },
  ...(token === undefined ? {} : { token }),
  ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
})

/** A polite end, as of a service that is stopped by its host. */
export const onTerm = (close: () => Promise<unknown>): void => {
  process.once('SIGTERM', () => void close().then(() => process.exit(0)))
}

/** Spins, as bad code does: timers and sockets of this process all wait. */
export const spin = (ms: number): void => {
  const until = performance.now() + ms
  while (performance.now() < until) {
    // Spins.
  }
}
