/** Checks what authors of tests pass, and fills in the defaults. */
import { z } from 'zod'
import { invalid } from '../../bus/errors.ts'
import { checkOptions } from '../../bus/io/options.ts'
import type { FaultOptions, For, TestBusOptions } from './api.ts'

/** The longest time a test may ask for: a day, as with calls. */
const MOST_MS = 86_400_000

const ms = z.number().min(0).max(MOST_MS)
const latency = z.number().int().min(0).max(60_000)
const share = z.number().min(0).max(1)
const forMs = ms.optional()

const WORLD = z.strictObject({
  seed: z.number().int().default(1),
  latencyMs: latency.default(1),
  awayMs: latency.default(20),
})

const FAULTS = z.strictObject({
  resets: share.default(0),
  delays: share.default(0),
  delayMs: latency.default(100),
  forMs,
})

const FOR = z.strictObject({ forMs })
const FROM = z.strictObject({
  from: z.unknown().optional(),
  forMs,
  oneWay: z.boolean().default(false),
})
const BY = z.strictObject({ byMs: ms, from: z.unknown().optional(), forMs })
const CLOSE = z.strictObject({ withinMs: ms.default(10_000) })

export const checkWorld = (options: TestBusOptions) => checkOptions('testBus', WORLD, options)
export const checkFaults = (options: FaultOptions) => checkOptions('faults', FAULTS, options)
export const checkFor = (of: string, options: For) => checkOptions(of, FOR, options)
export const checkFrom = (of: string, options: object) => checkOptions(of, FROM, options)
export const checkBy = (of: string, options: object) => checkOptions(of, BY, options)
export const checkClosing = (options: object) => checkOptions('close', CLOSE, options)

export const checkMs = (what: string, value: number): number => {
  if (typeof value === 'number' && value >= 0 && value <= MOST_MS) return value
  throw invalid(what, `must be milliseconds from 0 to ${MOST_MS}`, value)
}

/** Means something only where there are sockets, or registries. */
const NOT_IN_MEMORY = [
  ...['listen', 'tls', 'origins', 'registry', 'registryToken', 'registryTls', 'advertise'],
]

export const checkInMemory = (of: string, options: object): void => {
  for (const option of NOT_IN_MEMORY) {
    if (option in options) {
      throw invalid(`${of} option`, `"${option}" means nothing in a world without sockets`)
    }
  }
}
