import { Frame } from '../../bus/frame.ts'
import { admits } from '../../bus/names.ts'
import {
  type DarkLaunchRule,
  encodeRules,
  NO_SHARE,
  SHARES,
  type TopicRule,
} from '../../bus/rules.ts'
import type { Session } from './session.ts'
import type { BrokerState } from './state.ts'
import type { Topic } from './topic.ts'

/** Frames are kept for the next who watches, as long as they are no more than this together. */
const MAX_KEPT_BYTES = 4_194_304
/** A change is told to so many watchers in one step: the calls of others go on between. */
const TOLD_AT_ONCE = 1_000

/** The broker's dark-launch rules: kept, and told to whoever watches a topic. It never follows one itself. */
export class Rules {
  readonly #state: BrokerState
  /** Frames by topic. */
  readonly #kept = new Map<string, Buffer>()
  #keptBytes = 0
  /** Topics whose watchers have yet to hear of a change. */
  readonly #untold = new Set<Topic>()
  #dueAt = Number.POSITIVE_INFINITY

  constructor(state: BrokerState) {
    this.#state = state
  }

  get nextDeadline(): number {
    return this.#dueAt
  }

  /** All rules anew. */
  set(now: number, rules: readonly DarkLaunchRule[], version: number): void {
    this.#state.rules = { version, list: rules }
    this.#kept.clear()
    this.#keptBytes = 0
    for (const topic of this.#state.topics.values()) this.#untold.add(topic)
    this.#state.effects.advise({ kind: 'rules_set', version, rules: rules.length })
    this.#tell(now)
  }

  /** Somebody will call this topic. Before there were any rules there is nothing to say. */
  onWatch(now: number, session: Session, topic: string): void {
    const { link } = session
    if (this.#state.rules.version === 0 || link === undefined) return
    if (session.mayRequest(topic)) this.#state.send(now, link, Frame.rules, this.#frameOf(topic))
  }

  onDeadline(now: number): void {
    if (now >= this.#dueAt) this.#tell(now)
  }

  #tell(now: number): void {
    let left = TOLD_AT_ONCE
    for (const topic of this.#untold) {
      if (left <= 0) break
      this.#untold.delete(topic)
      left -= topic.watchers.size
      for (const session of topic.watchers) this.onWatch(now, session, topic.name)
    }
    this.#dueAt = this.#untold.size > 0 ? now + 1 : Number.POSITIVE_INFINITY
  }

  #frameOf(topic: string): Buffer {
    const known = this.#kept.get(topic)
    if (known !== undefined) return known
    const { version, list } = this.#state.rules
    const rules = list.flatMap((rule, i) =>
      admits(rule.topic, topic) ? [asTold(rule, i + 1)] : [],
    )
    const frame = encodeRules({ topic, version, rules })
    if (this.#keptBytes + frame.length <= MAX_KEPT_BYTES) {
      this.#kept.set(topic, frame)
      this.#keptBytes += frame.length
    }
    return frame
  }
}

/** Instances with this label get only calls that a rule sends them. */
export const isSetApart = (
  rules: readonly DarkLaunchRule[],
  topic: string,
  label: string,
): boolean => rules.some((rule) => rule.to === label && admits(rule.topic, topic))

/** Whether all calls of instances with the one label may go to those with the other instead. */
export const mayStandIn = (
  rules: readonly DarkLaunchRule[],
  topic: string,
  label: string,
  other: string,
): boolean => {
  if (rules.length === 0 || label === other) return true
  if (isSetApart(rules, topic, other)) return false
  return !rules.some(
    (rule) => rule.to === label && rule.otherwise === 'strict' && admits(rule.topic, topic),
  )
}

const asTold = ({ to, when, otherwise }: DarkLaunchRule, number: number): TopicRule => ({
  number,
  to,
  isStrict: otherwise === 'strict',
  share: when.percent === undefined ? NO_SHARE : Math.round((when.percent * SHARES) / 100),
  label: when.label ?? '',
  headers: Object.entries(when.header ?? {}).map(([name, value]) => ({ name, value })),
})
