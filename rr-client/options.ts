/** Checks what users pass to `connect`, `request` and `reply`, and fills in the defaults. */
import { z } from 'zod'
import { invalid } from '../bus/errors.ts'
import { DEFAULT_PING_MS, DEFAULT_SILENCE_MS } from '../bus/heartbeat.ts'
import { checkOptions, LINK_TLS } from '../bus/io/options.ts'
import { checkPems } from '../bus/io/tls.ts'
import { checkName, MAX_KEY } from '../bus/names.ts'
import { didYouMean } from '../bus/suggest.ts'
import {
  BROKER_URL_RULE,
  isBrokerUrl,
  isRegistryUrl,
  plainUrl,
  REGISTRY_URL_RULE,
} from '../bus/urls.ts'
import type {
  CloseOptions,
  ConnectOptions,
  ForceOptions,
  ReplyOptions,
  RequestOptions,
} from './api.ts'

/** Longest time a call may be given: a day. */
const MAX_TIMEOUT_MS = 86_400_000
/** Copies of the registry that one client follows. */
const MAX_REGISTRIES = 16

const ms = (least: number, most = MAX_TIMEOUT_MS) => z.number().int().min(least).max(most)
const name = z.string().superRefine((value, context) => {
  try {
    checkName('name', value)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
  }
})

const CONNECT = z.strictObject({
  name: name.default('client'),
  group: name.optional(),
  label: name.optional(),
  idc: name.default('local'),
  token: z.string().min(1).max(4_096).optional(),
  tls: LINK_TLS.optional(),
  logger: z
    .custom<ConnectOptions['logger']>(isLog, 'must have debug, info, warn and error')
    .optional(),
  codec: z.custom<ConnectOptions['codec']>(isCodec, 'must have name, encode and decode').optional(),
  maxInFlight: z.number().int().min(1).max(1_000_000).default(20_000),
  timeoutMs: ms(1).default(3_000),
  connectTimeoutMs: ms(1).default(5_000),
  pingMs: ms(20, 60_000).default(DEFAULT_PING_MS),
  silenceMs: ms(50, 600_000).default(DEFAULT_SILENCE_MS),
})

export type CheckedConnect = z.infer<typeof CONNECT>

const QUEUES = z
  .strictObject({
    min: z.number().int().min(0).max(1_000).default(0),
    max: z.number().int().min(0).max(1_000).default(0),
  })
  .refine(({ min, max }) => max === 0 || min <= max, 'min must not be above max')

const REPLY = z.strictObject({
  concurrency: z.number().int().min(1).max(10_000).default(64),
  prefetch: z.number().int().min(0).max(10_000).default(64),
  group: name.optional(),
  standby: z.boolean().default(false),
  queues: QUEUES.default({ min: 0, max: 0 }),
  schema: z.custom<ReplyOptions['schema']>(isSchema, 'must be a Standard Schema').optional(),
})

const FORCE = z
  .strictObject({
    to: z.enum(['open', 'closed', 'probe', 'auto']),
    what: z.enum(['circuit', 'queues']).default('circuit'),
    instance: z.string().min(1).max(64).optional(),
    idc: name.optional(),
    reason: z.string().min(1, 'must not be empty').max(500),
    forMs: ms(1).default(60_000),
  })
  .refine(
    ({ what, instance, idc }) => what === 'queues' || (instance ?? idc) === undefined,
    "instance and idc need what: 'queues'",
  )

const CLOSE = z.strictObject({ timeoutMs: ms(0).default(5_000) })

export const checkConnect = (options: ConnectOptions): CheckedConnect => {
  const checked = checkOptions('connect', CONNECT, options)
  if (checked.silenceMs <= checked.pingMs) {
    throw invalid('silenceMs', `must be above pingMs (${checked.pingMs})`, checked.silenceMs)
  }
  if (checked.tls !== undefined) checkPems(checked.tls)
  return checked
}

export const checkReply = (options: ReplyOptions): z.infer<typeof REPLY> => {
  const checked = checkOptions('reply', REPLY, options)
  const { min, max } = checked.queues
  if (checked.standby && (min > 0 || max > 0)) {
    throw invalid('reply option queues', 'must be left out with standby: one instance is active')
  }
  return checked
}

export const checkForce = (options: ForceOptions): z.infer<typeof FORCE> =>
  checkOptions('force', FORCE, options)

export const checkClose = (options: CloseOptions): number =>
  checkOptions('close', CLOSE, options).timeoutMs

const REQUEST_OPTIONS = [
  ...['timeoutMs', 'signal', 'idempotent', 'key', 'headers', 'waitForResponder', 'onAccepted'],
]
const KNOWN_REQUEST = new Set(REQUEST_OPTIONS)

/** By hand, for it is on the path of every call that has options. */
export const checkRequest = (options: RequestOptions): void => {
  if (typeof options !== 'object' || options === null) {
    throw invalid('request options', 'must be an object', options)
  }
  for (const option in options) {
    if (KNOWN_REQUEST.has(option)) continue
    const hint = didYouMean(option, REQUEST_OPTIONS)
    throw invalid('request option', `${JSON.stringify(option)} is unknown${hint}`)
  }
  const { timeoutMs, signal, idempotent, key, headers, waitForResponder, onAccepted } = options
  if (timeoutMs !== undefined) checkTimeout(timeoutMs)
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalid('signal', 'must be an AbortSignal', signal)
  }
  checkFlag('idempotent', idempotent)
  checkFlag('waitForResponder', waitForResponder)
  if (
    key !== undefined &&
    (typeof key !== 'string' || key === '' || Buffer.byteLength(key) > MAX_KEY)
  ) {
    throw invalid('key', `must be text of 1 to ${MAX_KEY} bytes`, key)
  }
  if (headers !== undefined && (typeof headers !== 'object' || headers === null)) {
    throw invalid('headers', 'must be an object of texts', headers)
  }
  if (onAccepted !== undefined && typeof onAccepted !== 'function') {
    throw invalid('onAccepted', 'must be a function', onAccepted)
  }
}

const checkTimeout = (timeoutMs: unknown): void => {
  const isValid = Number.isInteger(timeoutMs) && (timeoutMs as number) >= 1
  if (isValid && (timeoutMs as number) <= MAX_TIMEOUT_MS) return
  throw invalid('timeoutMs', `must be a whole number from 1 to ${MAX_TIMEOUT_MS}`, timeoutMs)
}

const checkFlag = (option: string, value: unknown): void => {
  if (value !== undefined && typeof value !== 'boolean') {
    throw invalid(option, 'must be true or false', value)
  }
}

const hasMethods = (value: unknown, methods: readonly string[]): boolean =>
  typeof value === 'object' &&
  value !== null &&
  methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function')

function isLog(value: unknown): boolean {
  return hasMethods(value, ['debug', 'info', 'warn', 'error'])
}

function isCodec(value: unknown): boolean {
  return hasMethods(value, ['encode', 'decode']) && 'name' in (value as object)
}

function isSchema(value: unknown): boolean {
  const standard = (value as { '~standard'?: unknown } | null)?.['~standard']
  return hasMethods(standard, ['validate'])
}

/** Urls a client may be given. */
export const checkUrl = (url: unknown): string => {
  if (typeof url === 'string' && isBrokerUrl(url)) return url
  throw invalid('broker url', BROKER_URL_RULE, url)
}

/** Registries a client may be given: one or several, each once. */
export const checkRegistries = (registry: unknown): string[] => {
  const given: unknown[] = Array.isArray(registry) ? registry : [registry]
  if (given.length === 0 || given.length > MAX_REGISTRIES) {
    throw invalid('registry urls', `must be 1 to ${MAX_REGISTRIES}`, given.length)
  }
  const urls = given.map((url) => {
    if (typeof url === 'string' && isRegistryUrl(url)) return plainUrl(url)
    throw invalid('registry url', REGISTRY_URL_RULE, url)
  })
  return [...new Set(urls)]
}
