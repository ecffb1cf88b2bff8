/** What a copy of the registry answers, read with distrust. */
import { z } from 'zod'
import { isName } from '../bus/names.ts'
import { isBrokerUrl, plainUrl } from '../bus/urls.ts'

/** A broker that a registry knows. */
export interface FoundBroker {
  readonly id: string
  readonly life: number
  readonly idc: string
  /** The first is to be tried first. */
  readonly urls: readonly string[]
  /** How long ago it said so. */
  readonly ageMs: number
}

export interface RegistryList {
  readonly copy: string
  readonly version: number
  readonly brokers: readonly FoundBroker[]
  /** Entries that make no sense, such as a newer registry might have. */
  readonly unreadable: number
}

/** As many as a registry holds. */
const MOST_BROKERS = 1_000

const LIST = z.object({
  copy: z.string().min(1).max(64),
  version: z.int().min(0),
  brokers: z.array(z.unknown()).max(MOST_BROKERS),
})

const BROKER = z.object({
  id: z.string().min(1).max(64),
  life: z.int().min(1),
  idc: z.string().refine(isName),
  urls: z.array(z.string().refine(isBrokerUrl).transform(plainUrl)).min(1).max(8),
  ageMs: z.number().min(0).catch(0),
})

/** The list in an answer, or undefined if it is none. */
export const readList = (body: unknown): RegistryList | undefined => {
  const list = LIST.safeParse(body)
  if (!list.success) return undefined
  const { copy, version, brokers } = list.data
  const read = brokers.flatMap((broker) => BROKER.safeParse(broker).data ?? [])
  return { copy, version, brokers: read, unreadable: brokers.length - read.length }
}
