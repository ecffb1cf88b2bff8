/**
 * Settings, from wherever they come: an option beats the environment, which beats the file of
 * `--config`, which beats the default. What is not known is refused by name.
 */
import { accessSync, constants, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { didYouMean, nearest } from '../../bus/index.ts'
import { LOG_LEVELS } from './defaults.ts'
import { messageOf, UsageError } from './failure.ts'

/** Options of commander by camel-case name; those that are no setting are left alone. */
export type Flags = Readonly<Record<string, unknown>>

const A_DAY_MS = 86_400_000
const URL_FORM = /^(wss?:\/\/[^\s/]|unix:\/[^\s])[^\s]*$/
const URL_RULE = 'must be ws://host:port, wss://host:port or unix:/path'
const REGISTRY_FORM = /^https?:\/\/[^\s/@?#]+\/?$/
const REGISTRY_RULE = 'must be http://host:port or https://host:port'
const ADMIN_FORM = /^(off|https?:\/\/[^\s/@?#]+\/?)$/
const ADMIN_RULE = 'must be http://host:port or https://host:port, or off'
const OPERATOR_RULE = 'must be 1 to 64 letters, digits, and any of _.@- between them'

const asNumber = (value: unknown): unknown =>
  typeof value === 'string' && /^\d{1,15}$/.test(value.trim()) ? Number(value) : value

const whole = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`
  const inBounds = z.int({ error }).min(least, { error }).max(most, { error })
  return z.preprocess(asNumber, inBounds).optional()
}

const asList = (value: unknown): unknown => {
  const list = typeof value === 'string' ? [value] : value
  if (!Array.isArray(list)) return value
  const parts = list.flatMap((item: unknown) =>
    typeof item === 'string' ? item.split(',') : [item],
  )
  return parts.map((part) => (typeof part === 'string' ? part.trim() : part))
}

const text = z.string({ error: 'must be a text' }).min(1, { error: 'must not be empty' }).optional()
const urlBy = (form: RegExp, error: string) => z.string({ error }).regex(form, { error })
const listOf = (item: z.ZodString, error: string) =>
  z.preprocess(asList, z.array(item, { error }).min(1, { error })).optional()
const url = urlBy(URL_FORM, URL_RULE)
const registryUrl = urlBy(REGISTRY_FORM, REGISTRY_RULE)
const operator = urlBy(/^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$/, OPERATOR_RULE)

/** Keys of the file, options in camel case, and environment variables in capitals are one list. */
const schema = z.object({
  url: listOf(url, URL_RULE),
  registry: listOf(registryUrl, REGISTRY_RULE),
  listen: url.optional(),
  advertise: listOf(url, URL_RULE),
  registryListen: registryUrl.optional(),
  /** Where `start` serves it, and where the commands that look and act find it. */
  admin: urlBy(ADMIN_FORM, ADMIN_RULE)
    .refine((text) => text === 'off' || URL.canParse(text), { error: ADMIN_RULE })
    .optional(),
  adminPeer: listOf(registryUrl, REGISTRY_RULE),
  operator: operator.optional(),
  load: whole(1, 20_000),
  lease: whole(300, 600_000),
  idc: text,
  name: text,
  group: text,
  label: text,
  id: text,
  brokers: whole(1, 16),
  cluster: text,
  timeout: whole(1, A_DAY_MS),
  connectTimeout: whole(1, A_DAY_MS),
  tokenFile: text,
  tokens: text,
  rules: text,
  tlsCa: text,
  tlsCert: text,
  tlsKey: text,
  tlsClientCa: text,
  maxDepth: whole(1, 1_000_000),
  maxDepthBytes: whole(1, Number.MAX_SAFE_INTEGER),
  maxBodyBytes: whole(1_024, 67_108_864),
  log: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).optional(),
})

type Origin = 'option' | 'environment' | 'file'

export type Settings = z.output<typeof schema> & {
  token?: string
  /** Where a setting comes from, by its name. */
  from?: Readonly<Record<string, Origin>>
}

const KEYS = Object.keys(schema.shape)
/** In a file they mean files beside it, not beside whoever reads it. */
const PATHS = new Set(['tokenFile', 'tokens', 'rules', 'tlsCa', 'tlsCert', 'tlsKey', 'tlsClientCa'])

const PREFIX = 'FINBUS_'
const bare = (variable: string): string => variable.slice(PREFIX.length)
const variableOf = (key: string): string =>
  `${PREFIX}${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
/** In the environment and in files a registry and a broker listen under different names. */
const flagOf = (key: string): string =>
  key === 'registryListen'
    ? '--listen'
    : `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

const VARIABLES = [...KEYS.map(variableOf), 'FINBUS_TOKEN', 'FINBUS_CONFIG', 'FINBUS_DEBUG']
/** What `finbus reply --command` tells the command, which may well call `finbus request`. */
const TOLD_TO_COMMANDS = new Set([
  'FINBUS_TOPIC',
  'FINBUS_CORRELATION_ID',
  'FINBUS_REMAINING_MS',
  'FINBUS_ATTEMPT',
])

/** The settings in force. Throws a UsageError that names the one that is wrong, and where it is. */
export const readSettings = (flags: Flags, env: NodeJS.ProcessEnv = process.env): Settings => {
  checkVariables(env)
  const path = typeof flags.config === 'string' ? flags.config : env.FINBUS_CONFIG
  const file = path ? readSettingsFile(path) : {}
  const values: Record<string, unknown> = {}
  const origins: Record<string, string> = {}
  const from: Record<string, Origin> = {}
  for (const key of KEYS) {
    const variable = variableOf(key)
    if (flags[key] !== undefined) {
      values[key] = flags[key]
      origins[key] = flagOf(key)
      from[key] = 'option'
    } else if (env[variable]) {
      values[key] = env[variable]
      origins[key] = variable
      from[key] = 'environment'
    } else if (file[key] !== undefined) {
      values[key] = file[key]
      origins[key] = `${key} in ${path}`
      from[key] = 'file'
    }
  }
  const settings: Settings = { ...check(values, origins), from }
  // The one secret has a variable of its own, and no option, which others could read in `ps`.
  if (env.FINBUS_TOKEN && flags.tokenFile === undefined) settings.token = env.FINBUS_TOKEN
  return settings
}

/** The settings as environment variables, for a process that is to have the same. */
export const environmentOf = (settings: Settings): Record<string, string> => {
  const values: Record<string, unknown> = settings
  const variables = KEYS.map((key) => [variableOf(key), values[key]] as const)
  return Object.fromEntries(
    [...variables, ['FINBUS_TOKEN', settings.token] as const]
      .filter(([, value]) => value !== undefined)
      .map(([variable, value]) => [variable, String(value)]),
  )
}

const check = (values: Record<string, unknown>, origins: Record<string, string>): Settings => {
  const result = schema.safeParse(values)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const [key, ...inside] = issue?.path ?? []
  let got: unknown = values[String(key)]
  if (Array.isArray(got) && typeof inside[0] === 'number')
    got = (asList(got) as unknown[])[inside[0]]
  throw new UsageError(`${origins[String(key)]} ${issue?.message}; got ${JSON.stringify(got)}`)
}

const checkVariables = (env: NodeJS.ProcessEnv): void => {
  const unknown = Object.keys(env).find(
    (name) => name.startsWith(PREFIX) && !VARIABLES.includes(name) && !TOLD_TO_COMMANDS.has(name),
  )
  if (unknown === undefined) return
  const near = nearest(bare(unknown), VARIABLES.map(bare))
  const hint = near === undefined ? '' : ` (did you mean ${PREFIX}${near}?)`
  throw new UsageError(`unknown environment variable ${unknown}${hint}`)
}

const readSettingsFile = (path: string): Record<string, unknown> => {
  let content: unknown
  try {
    content = JSON.parse(readTextFile(path, 'settings'))
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`settings file ${path} is not JSON: ${messageOf(error)}`)
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new UsageError(`settings file ${path} must hold an object, such as {"idc": "sz"}`)
  }
  const settings = content as Record<string, unknown>
  for (const [key, value] of Object.entries(settings)) {
    if (!KEYS.includes(key)) {
      throw new UsageError(`unknown setting "${key}" in ${path}${didYouMean(key, KEYS)}`)
    }
    if (PATHS.has(key) && typeof value === 'string') settings[key] = resolve(dirname(path), value)
  }
  return settings
}

/** The text of a file somebody named; a UsageError if it cannot be read. */
export const readTextFile = (path: string, what: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`cannot read the ${what} file: ${messageOf(error)}`)
  }
}

/** The path of a file that others will read, if named; a UsageError if they cannot. */
export const readableFile = (path: string | undefined, what: string): string | undefined => {
  if (path === undefined) return undefined
  try {
    accessSync(path, constants.R_OK)
    return path
  } catch (error) {
    throw new UsageError(`cannot read the ${what} file: ${messageOf(error)}`)
  }
}

/** Leaves out what was not set, so that a library's own defaults hold. */
export const defined = <T extends object>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
