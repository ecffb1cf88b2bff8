/** What may be a topic, a group, an IDC, an instance name or a header, and nothing else. */
import { invalid } from './errors.ts'

/** Longest topic in characters (all ASCII, so also in bytes). */
export const MAX_TOPIC = 200
/** Longest name of a group, IDC, instance or label. */
export const MAX_NAME = 64
/** All headers of one message together, encoded, in bytes. */
export const MAX_HEADERS_BYTES = 16_384
/** Longest affinity key in bytes. */
export const MAX_KEY = 1_024

const TOPIC = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/
const HEADER = /^[a-z0-9][a-z0-9_-]*$/

export const isTopic = (topic: string): boolean => topic.length <= MAX_TOPIC && TOPIC.test(topic)
export const isName = (name: string): boolean => name.length <= MAX_NAME && NAME.test(name)

/** Throws `invalid_argument` unless `topic` is words of letters, digits, `_` and `-` joined by dots. */
export const checkTopic = (topic: unknown): string => {
  if (typeof topic !== 'string') throw invalid('topic', 'must be a string', topic)
  if (topic.length === 0) throw invalid('topic', 'must not be empty, such as "account.balance"')
  if (topic.length > MAX_TOPIC) {
    throw invalid('topic', `must be at most ${MAX_TOPIC} characters`, topic.length)
  }
  if (!TOPIC.test(topic)) {
    throw invalid('topic', 'must be words of letters, digits, _ and - joined by dots', topic)
  }
  return topic
}

export const checkName = (what: string, name: unknown): string => {
  if (typeof name !== 'string' || !isName(name)) {
    throw invalid(what, `must be 1 to ${MAX_NAME} letters, digits, _ . and -`, name)
  }
  return name
}

export const checkHeaderName = (name: string): string => {
  if (name.length > MAX_NAME || !HEADER.test(name)) {
    throw invalid('header name', 'must be lower-case letters, digits, _ and -', name)
  }
  return name
}

/**
 * Whether an allow-list pattern admits a topic: the topic itself, `*` for all, or a prefix that
 * ends in `.*` (`account.*` admits `account.balance`, not `account`).
 */
export const admits = (pattern: string, topic: string): boolean =>
  pattern === '*' ||
  pattern === topic ||
  (pattern.endsWith('.*') && topic.startsWith(pattern.slice(0, -1)))
