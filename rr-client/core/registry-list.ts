/** What a copy of the registry answers, read with distrust. */
import { isName } from '../../bus/names.ts'
import { isBrokerUrl, plainUrl } from '../../bus/urls.ts'

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
const MOST_URLS = 8
const MAX_ID = 64

/** The list in an answer, or undefined if it is none. */
export const readList = (body: unknown): RegistryList | undefined => {
  const { copy, version, brokers } = fieldsOf(body)
  if (!isId(copy) || !isWhole(version, 0)) return undefined
  if (!Array.isArray(brokers) || brokers.length > MOST_BROKERS) return undefined
  const read = brokers.flatMap((broker) => readBroker(broker) ?? [])
  return { copy, version, brokers: read, unreadable: brokers.length - read.length }
}

const readBroker = (broker: unknown): FoundBroker | undefined => {
  const { id, life, idc, urls, ageMs } = fieldsOf(broker)
  if (!isId(id) || !isWhole(life, 1) || typeof idc !== 'string' || !isName(idc)) return undefined
  if (!Array.isArray(urls) || urls.length === 0 || urls.length > MOST_URLS) return undefined
  if (!urls.every((url) => typeof url === 'string' && isBrokerUrl(url))) return undefined
  const isAge = typeof ageMs === 'number' && ageMs >= 0 && ageMs < Number.POSITIVE_INFINITY
  return { id, life, idc, urls: (urls as string[]).map(plainUrl), ageMs: isAge ? ageMs : 0 }
}

/** Of what is no object there are none. */
const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

const isId = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= MAX_ID

const isWhole = (value: unknown, least: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least
