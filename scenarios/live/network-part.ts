/** All ways of a drill, in a process of its own: a busy drill must not slow down what it measures. */
import { type Condition, type Endpoint, FaultProxy } from './fault-proxy.ts'
import { RegistryView } from './registry-view.ts'

/** A way to be opened. */
export interface WayTo extends Endpoint {
  /** It leads to a registry, of whose brokers these are to be reached at another url: by id. */
  brokers?: Readonly<Record<string, string>>
}

/** Ways are known by the port they are entered at. */
export interface Change {
  port: number
  condition: Condition
}

export function networkPart() {
  const proxies = new Map<number, FaultProxy>()
  let random = Math.random
  const open = async ({ brokers, ...to }: WayTo): Promise<number> => {
    const end = brokers === undefined ? to : (await RegistryView.open(to, brokers)).endpoint
    const proxy = await FaultProxy.open(end, random)
    proxies.set(proxy.port, proxy)
    return proxy.port
  }
  return {
    seed: ({ seed }: { seed: number }): void => {
      random = seeded(seed)
    },
    /** Returns their ports. */
    open: ({ ways }: { ways: readonly WayTo[] }): Promise<number[]> => Promise.all(ways.map(open)),
    shape: ({ changes }: { changes: readonly Change[] }): void => {
      for (const { port, condition } of changes) proxies.get(port)?.shape(condition)
    },
    reset: ({ ports }: { ports: readonly number[] }): void => {
      for (const port of ports) proxies.get(port)?.reset()
    },
    /** Connections alive now, over all ways. */
    alive: (): number => [...proxies.values()].reduce((sum, { alive }) => sum + alive, 0),
  }
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export const seeded = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
