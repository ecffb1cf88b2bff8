import { hashText } from '../../bus/hash.ts'
import { decodeHeaders, type Headers, OwnHeader } from '../../bus/headers.ts'
import { NO_SHARE, SHARES, type TopicRule, type TopicRules } from '../../bus/rules.ts'
import type { Homing } from './homing.ts'
import type { QueuePool, RouteQueue } from './route-queue.ts'

/**
 * Keys are spread over shares by another seed than over instances: who is meant by a rule says
 * nothing about which of its instances answers. PROTOCOL.md has it, for all clients must agree.
 */
const SHARE_SEED = 0x9747b28c

const NO_HEADERS: Headers = Object.freeze(Object.create(null) as Record<string, string>)

/** The share a key falls into: the same in every process, life and topic. */
export const shareOf = (key: string): number => hashText(key, SHARE_SEED) % SHARES

/** The queues of one label that a rule of the topic names: its calls go there, and no others. */
class LabelPool implements QueuePool {
  readonly tiers: QueuePool['tiers'] = [[], [], []]
  wasHome = false
  homing: Homing | undefined
}

/** The rules in force for one topic, and the queues they set apart. */
export class DarkLaunch {
  readonly version: number
  readonly #rules: readonly TopicRule[]
  readonly #pools = new Map<string, LabelPool>()
  readonly #readsHeaders: boolean

  constructor({ version, rules }: TopicRules) {
    this.version = version
    this.#rules = rules
    for (const { to } of rules) this.#pools.set(to, new LabelPool())
    this.#readsHeaders = rules.some((rule) => rule.label !== '' || rule.headers.length > 0)
  }

  /** Where queues with this label stand; undefined if no rule names it. */
  poolOf(label: string): QueuePool | undefined {
    return this.#pools.get(label)
  }

  /** Forgets which queues there are, before they are sorted anew. */
  clear(): void {
    for (const { tiers } of this.#pools.values()) for (const tier of tiers) tier.length = 0
  }

  /** Whether all calls of queues with the one label may go to queues with the other instead. */
  mayStandIn(label: string, other: string): boolean {
    if (label === other) return true
    if (this.#pools.has(other)) return false
    return !this.#rules.some((rule) => rule.to === label && rule.isStrict)
  }

  /** The rule that a call follows: the first that fits. Headers are read only where a rule needs them. */
  ruleFor(key: string | undefined, headers: Buffer): TopicRule | undefined {
    const carried = this.#readsHeaders ? decodeHeaders(headers, 0, headers.length) : NO_HEADERS
    const share = key === undefined ? NO_SHARE : shareOf(key)
    return this.#rules.find((rule) => isMet(rule, share, carried))
  }
}

/** A call without key has the share `NO_SHARE`, which lies above all that a rule can ask for. */
const isMet = (rule: TopicRule, share: number, carried: Headers): boolean =>
  (rule.share === NO_SHARE || share < rule.share) &&
  (rule.label === '' || carried[OwnHeader.label] === rule.label) &&
  rule.headers.every(({ name, value }) => carried[name] === value)

/**
 * What several brokers say of one topic comes down to this: the highest version counts, and of two
 * alike that of the broker whose id sorts first, so that all requesters follow the same.
 */
export const inForce = (
  told: ReadonlyMap<{ broker: string }, TopicRules>,
): TopicRules | undefined => {
  let best: TopicRules | undefined
  let by = ''
  for (const [{ broker }, rules] of told) {
    const isFirst = best === undefined || rules.version > best.version
    if (!isFirst && (rules.version < best!.version || broker > by)) continue
    best = rules
    by = broker
  }
  return best
}

/** Whether a queue may take a call, by its label. */
export const isMeantFor = (
  dark: DarkLaunch,
  rule: TopicRule | undefined,
  { label }: RouteQueue,
): boolean => {
  const own = rule === undefined ? undefined : dark.poolOf(rule.to)
  if (own === undefined) return dark.poolOf(label) === undefined
  return label === rule!.to || (!rule!.isStrict && dark.poolOf(label) === undefined)
}

/** Why nobody is there for a call, if that is for a rule's sake. */
export const missOf = (
  topic: { readonly name: string; readonly queues: readonly RouteQueue[] },
  dark: DarkLaunch,
  rule: TopicRule | undefined,
): string | undefined => {
  if (rule?.isStrict === true && dark.poolOf(rule.to) !== undefined) {
    const name = `dark-launch rule ${rule.number} of version ${dark.version}`
    return `${name} sends this call of ${topic.name} only to instances with label "${rule.to}", and none is there`
  }
  if (topic.queues.length === 0) return undefined
  const labels = [...new Set(topic.queues.map((queue) => queue.label))].join(', ')
  return `only instances with label ${labels} answer ${topic.name}, and no dark-launch rule sends them this call`
}
