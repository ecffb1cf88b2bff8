/**
 * Dark-launch rules: which calls of a topic go to instances with a certain label. Operators give
 * them to the brokers, brokers tell whoever watches the topic, requesters follow them.
 */
import { type FieldReader, FieldWriter, WireError } from './bytes.ts'
import { MAX_NAME, MAX_TOPIC } from './names.ts'

/** As operators write it. */
export interface DarkLaunchRule {
  /** `account.balance`, all topics under a prefix (`account.*`), or all (`*`). */
  topic: string
  /** Label of the instances that get the calls, and that get no others of these topics. */
  to: string
  /** What must be true of a call, all of it. At least one of the three. */
  when: {
    /** Headers the caller set, with exactly these values. */
    header?: Readonly<Record<string, string>> | undefined
    /**
     * This share of all keys, 0 to 100, in hundredths at the finest. A call without `key` is never
     * meant. A larger share has all the keys of a smaller one, at every topic and in every process.
     */
    percent?: number | undefined
    /** The label the call carries: from the client that began it, or from the rule it followed above. */
    label?: string | undefined
  }
  /** While no such instance is there: `fallback` (default) to the others, or fail at once (`strict`). */
  otherwise?: 'fallback' | 'strict'
}

export const MAX_RULES = 100
/** Rules that mean one topic. */
export const MAX_TOPIC_RULES = 20
export const MAX_RULE_HEADERS = 8
/** Longest value of a header in a rule, in bytes. */
export const MAX_RULE_VALUE = 256
/** Every key falls into one of so many parts of equal size. */
export const SHARES = 10_000
/** In place of a share: keys do not matter. */
export const NO_SHARE = 0xffff

/** A rule as it travels. */
export interface TopicRule {
  /** Its place in the broker's list, from 1: what errors call it. */
  number: number
  to: string
  isStrict: boolean
  /** Parts of `SHARES` that are meant, the lowest ones, or `NO_SHARE`. */
  share: number
  /** Empty: any label, or none. */
  label: string
  headers: { name: string; value: string }[]
}

/** The rules of one topic at one broker, in the order in which they are tried; the first that fits wins. */
export interface TopicRules {
  topic: string
  /** Of all rules of the broker; the highest that a requester has been told counts. */
  version: number
  rules: TopicRule[]
}

export const encodeRules = (m: TopicRules): Buffer => {
  const w = new FieldWriter().text(m.topic).u32(m.version).u16(m.rules.length)
  for (const rule of m.rules) {
    w.u16(rule.number)
      .text(rule.to)
      .u8(rule.isStrict ? 1 : 0)
    w.u16(rule.share).text(rule.label).u8(rule.headers.length)
    for (const { name, value } of rule.headers) w.text(name).text(value)
  }
  return w.done()
}

export const decodeRules = (r: FieldReader): TopicRules => {
  const head = { topic: r.text('topic', MAX_TOPIC), version: r.u32('version') }
  const count = r.u16('rules')
  if (count > MAX_TOPIC_RULES) throw new WireError(`${count} rules, at most ${MAX_TOPIC_RULES}`)
  const rules: TopicRule[] = []
  for (let i = 0; i < count; i++) rules.push(decodeRule(r))
  return { ...head, rules }
}

const decodeRule = (r: FieldReader): TopicRule => {
  const rule: TopicRule = {
    number: r.u16('rule number'),
    to: r.text('rule to', MAX_NAME),
    isStrict: r.u8('rule flags') === 1,
    share: r.u16('rule share'),
    label: r.text('rule label', MAX_NAME),
    headers: [],
  }
  if (rule.to === '') throw new WireError('a rule to no label')
  if (rule.share > SHARES && rule.share !== NO_SHARE) {
    throw new WireError(`a rule for ${rule.share} of ${SHARES} shares`)
  }
  const count = r.u8('rule headers')
  if (count > MAX_RULE_HEADERS) {
    throw new WireError(`a rule with ${count} headers, at most ${MAX_RULE_HEADERS}`)
  }
  for (let i = 0; i < count; i++) {
    const name = r.text('rule header', MAX_NAME)
    rule.headers.push({ name, value: r.text('rule header value', MAX_RULE_VALUE) })
  }
  return rule
}
