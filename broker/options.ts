/** Checks what users pass to `startBroker`, and fills in the defaults. */
import { z } from 'zod'
import { invalid } from '../bus/errors.ts'
import { DEFAULT_PING_MS, DEFAULT_SILENCE_MS } from '../bus/heartbeat.ts'
import { checkOptions, LINK_TLS, PEM } from '../bus/io/options.ts'
import { checkPems } from '../bus/io/tls.ts'
import { isName } from '../bus/names.ts'
import {
  BROKER_URL_RULE,
  isBrokerUrl,
  isEverywhere,
  isRegistryUrl,
  plainUrl,
  REGISTRY_URL_RULE,
} from '../bus/urls.ts'
import type { BrokerOptions } from './api.ts'
import { parseTcp, type TcpAddress } from './listen-address.ts'

const ms = z.number().int().min(0).max(86_400_000)
export const name = z.string().refine(isName, 'must be 1 to 64 letters, digits, _ . and -')
/** One url or several; each once. */
const urls = (isUrl: (url: string) => boolean, rule: string, most: number) => {
  const url = z.string({ error: rule }).refine(isUrl, rule)
  const list = z.array(url).min(1, 'must be at least one url').max(most, `at most ${most} urls`)
  return z
    .preprocess((value) => (typeof value === 'string' ? [value] : value), list)
    .transform((given) => [...new Set(given.map(plainUrl))])
}
export const pattern = z
  .string()
  .regex(
    /^(\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?)$/,
    'must be a topic, a prefix ending in .*, or *',
  )

export const TOKEN_GRANTS = z.array(
  z.strictObject({
    token: z.string().min(16, 'must be at least 16 characters').max(4_096),
    name: name.optional(),
    request: z.array(pattern).default([]),
    reply: z.array(pattern).default([]),
  }),
)

export type CheckedGrant = z.infer<typeof TOKEN_GRANTS>[number]

/** What is in them is looked at by those who take them in. */
const isRules = (value: unknown): boolean => Array.isArray(value) || typeof value === 'string'

const TLS = z.strictObject({ cert: PEM, key: PEM, clientCa: PEM.optional() })
const BROKER = z.strictObject({
  listen: z.string().default('ws://127.0.0.1:7400'),
  id: name.optional(),
  idc: name.default('local'),
  tls: TLS.optional(),
  tokens: z.union([z.string().min(1), TOKEN_GRANTS]).optional(),
  rules: z.custom<BrokerOptions['rules']>(isRules, 'must be a list, or a path').optional(),
  origins: z.array(z.string().min(1)).default([]),
  registry: urls(isRegistryUrl, REGISTRY_URL_RULE, 16).optional(),
  registryToken: z.string().min(1).max(4_096).optional(),
  registryTls: LINK_TLS.optional(),
  advertise: urls(isBrokerUrl, BROKER_URL_RULE, 8).optional(),
  admin: z.custom<BrokerOptions['admin']>((value) => typeof value === 'object').optional(),
  logger: z.custom<BrokerOptions['logger']>((value) => typeof value === 'object').optional(),
  maxDepth: z.number().int().min(1).max(1_000_000).default(10_000),
  maxDepthBytes: z
    .number()
    .int()
    .min(1_024)
    .default(32 * 1_048_576),
  maxBodyBytes: z
    .number()
    .int()
    .min(1_024)
    .max(64 * 1_048_576)
    .default(1_048_576),
  maxSessions: z.number().int().min(1).max(1_000_000).default(20_000),
  maxTopics: z.number().int().min(1).max(1_000_000).default(20_000),
  warmUpMs: ms.default(2_000),
  sessionHoldMs: ms.default(10_000),
  pingMs: z.number().int().min(20).max(60_000).default(DEFAULT_PING_MS),
  silenceMs: z.number().int().min(50).max(600_000).default(DEFAULT_SILENCE_MS),
})

export type CheckedBroker = z.infer<typeof BROKER>

export const checkBroker = (options: BrokerOptions): CheckedBroker => {
  const checked = checkOptions('broker', BROKER, options)
  const { tls, registryTls, pingMs, silenceMs } = checked
  if (silenceMs <= pingMs) throw invalid('silenceMs', `must be above pingMs (${pingMs})`, silenceMs)
  if (tls !== undefined) checkPems({ ca: tls.clientCa, cert: tls.cert, key: tls.key })
  if (registryTls !== undefined) checkPems(registryTls)
  return checked
}

/** Where to listen. */
export type ListenAddress = ({ kind: 'tcp' } & TcpAddress) | { kind: 'unix'; path: string }

/** Parses `listen`; off loopback it must be guarded by TLS and tokens. */
export const parseListen = (checked: CheckedBroker): ListenAddress => {
  const { listen, tls, tokens, registry, advertise } = checked
  if (listen.startsWith('unix:/')) return { kind: 'unix', path: listen.slice('unix:'.length) }
  const address = parseTcp(listen, {
    ...{ what: 'broker', scheme: 'ws', port: 7_400, rule: BROKER_URL_RULE },
    ...{ hasTls: tls !== undefined, hasTokens: tokens !== undefined },
  })
  const { host } = address
  if (isEverywhere(host) && registry !== undefined && advertise === undefined) {
    throw invalid(
      'advertise',
      `must name the urls that clients reach: with a registry, ${host} is nobody's address`,
    )
  }
  return { kind: 'tcp', ...address }
}
