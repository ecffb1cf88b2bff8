/** Checks the dark-launch rules that operators give, as a list or in a file. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { messageOf } from '../bus/codec.ts'
import { type BusError, invalid } from '../bus/errors.ts'
import { admits, MAX_NAME, MAX_TOPIC } from '../bus/names.ts'
import {
  type DarkLaunchRule,
  MAX_RULE_HEADERS,
  MAX_RULE_VALUE,
  MAX_RULES,
  MAX_TOPIC_RULES,
  SHARES,
} from '../bus/rules.ts'
import { didYouMean } from '../bus/suggest.ts'
import { name, pattern } from './options.ts'

const HEADER_RULE = `must be lower-case letters, digits, _ and -, at most ${MAX_NAME}`
const VALUE_RULE = `must be a text of at most ${MAX_RULE_VALUE} bytes`
const HEADERS_RULE = `must name 1 to ${MAX_RULE_HEADERS} headers`
const PERCENT_RULE = 'must be a number from 0 to 100, in hundredths at the finest'
const LABEL_RULE = `must be a label: 1 to ${MAX_NAME} letters, digits, _ . and -`
const WHEN_RULE = 'must say at least one of header, percent and label'
const MAX_VERSION = 2 ** 32 - 1
const VERSION_RULE = `must be a whole number from 1 to ${MAX_VERSION}`

const sizeOf = (value: object): number =>
  Object.values(value).filter((field) => field !== undefined).length
const isInShares = (percent: number): boolean => {
  const shares = (percent * SHARES) / 100
  return Math.abs(shares - Math.round(shares)) < 1e-6
}

const label = z.string({ error: LABEL_RULE }).pipe(name)
const headerName = z
  .string()
  .max(MAX_NAME, HEADER_RULE)
  .regex(/^[a-z0-9][a-z0-9_-]*$/, HEADER_RULE)
const headerValue = z
  .string({ error: VALUE_RULE })
  .refine((value) => Buffer.byteLength(value) <= MAX_RULE_VALUE, VALUE_RULE)
const headers = z
  .record(headerName, headerValue, { error: HEADERS_RULE })
  .refine((given) => sizeOf(given) > 0 && sizeOf(given) <= MAX_RULE_HEADERS, HEADERS_RULE)
const percent = z
  .number({ error: PERCENT_RULE })
  .min(0, PERCENT_RULE)
  .max(100, PERCENT_RULE)
  .refine(isInShares, PERCENT_RULE)

const WHEN = z.strictObject({
  header: headers.optional(),
  percent: percent.optional(),
  label: label.optional(),
})
const RULE = z.strictObject({
  topic: z
    .string({ error: 'must be a topic, a prefix ending in .*, or *' })
    .max(MAX_TOPIC, `must be at most ${MAX_TOPIC} characters`)
    .pipe(pattern),
  to: label,
  when: WHEN.refine((given) => sizeOf(given) > 0, WHEN_RULE),
  otherwise: z
    .enum(['fallback', 'strict'], { error: 'must be fallback or strict' })
    .default('fallback'),
})
const RULES = z
  .array(RULE, { error: 'must be a list of rules' })
  .max(MAX_RULES, `must be at most ${MAX_RULES} rules`)
const VERSION = z
  .int({ error: VERSION_RULE })
  .min(1, { error: VERSION_RULE })
  .max(MAX_VERSION, { error: VERSION_RULE })
const FILE = z.strictObject({ version: VERSION.optional(), rules: RULES })

/** Rules as they are kept; a file may say which version it holds. */
export interface CheckedRules {
  version: number | undefined
  rules: DarkLaunchRule[]
}

/** Checks a list, or the file of that path. */
export const readRules = (given: readonly DarkLaunchRule[] | string): CheckedRules => {
  if (typeof given !== 'string') return checked(FILE.safeParse({ rules: given }), 'rules')
  const json = readJson(given)
  const file = Array.isArray(json) ? { rules: json } : json
  return checked(FILE.safeParse(file), `rules in ${given}`)
}

/** The version of new rules: the one given, or the next; it must not be one that others have had. */
export const nextVersion = (
  asked: number | undefined,
  present: { version: number; list: readonly DarkLaunchRule[] },
  rules: readonly DarkLaunchRule[],
): number => {
  const version = VERSION.safeParse(asked ?? present.version + 1)
  if (!version.success) throw invalid('rules version', VERSION_RULE, asked)
  const isSame = JSON.stringify(rules) === JSON.stringify(present.list)
  if (version.data < present.version || (version.data === present.version && !isSame)) {
    throw invalid('rules version', `must be above ${present.version}, the present one`, asked)
  }
  return version.data
}

type Parsed = ReturnType<typeof FILE.safeParse>

const checked = (parsed: Parsed, where: string): CheckedRules => {
  if (!parsed.success) throw ruleError(parsed.error.issues[0]!, where)
  const { version, rules } = parsed.data
  for (const { topic } of rules) {
    // Of the topics that rules name, none is meant by more of them than the narrowest.
    const count = rules.filter((rule) => admits(rule.topic, topic)).length
    if (count <= MAX_TOPIC_RULES) continue
    throw invalid(where, `must be at most ${MAX_TOPIC_RULES} for one topic; ${topic} has ${count}`)
  }
  return { version, rules }
}

/** What is wrong with which rule: counted from 1, as errors of calls name them. */
const ruleError = (issue: z.core.$ZodIssue, where: string): BusError => {
  const [list, index, ...field] = issue.path
  const isRule = list === 'rules' && typeof index === 'number'
  const inside = isRule ? field : issue.path.filter((part) => part !== 'rules')
  const place = isRule ? `${where}: rule ${index + 1}` : where
  const what = inside.length === 0 ? place : `${place}, ${inside.map(String).join('.')}`
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys
    const known = !isRule ? FILE.shape : field.length === 0 ? RULE.shape : WHEN.shape
    return invalid(what, `has an unknown ${key}${didYouMean(key, Object.keys(known))}`)
  }
  if (issue.code === 'invalid_key') return invalid(what, issue.issues[0]!.message)
  const isObject = issue.code === 'invalid_type' && issue.expected === 'object'
  return invalid(what, isObject ? 'must be an object' : issue.message)
}

const readJson = (path: string): unknown => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid('rules', `cannot be read from ${path}: ${messageOf(error)}`)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw invalid(`rules in ${path}`, `must be JSON: ${messageOf(error)}`)
  }
}
