/**
 * Draws a plan from a seed, swarm style: first which features and faults there are at all, then
 * knobs, then the schedule, so that some histories are all of one thing and none is of everything.
 */
import type { BrokerLimits } from '../../broker/core/state.ts'
import { Prng } from '../../bus/prng.ts'
import type { DarkLaunchRule } from '../../bus/rules.ts'
import { drawFaults } from './draw-faults.ts'
import { forced } from './draw-force.ts'
import { drawHarsh } from './draw-harsh.ts'
import { slowed } from './draw-slow.ts'
import type {
  AnswerPlan,
  CallPlan,
  ClientPlan,
  Nature,
  Plan,
  PlannedEvent,
  ResponderPlan,
} from './plan.ts'

export const TOPIC = 'account.balance'
/** Its handler calls `TOPIC`. */
const NESTING = 'payment.transfer'
const STANDBY = 'ledger.post'
/** What some tokens do not open. */
export const SECRET = 'secret.word'
export const OUTSIDER = 'token of an outsider'
/** `a1` is the beginning of `a10`, and another place. */
const IDCS = ['a1', 'a10', 'b1']

/** One history of so many ends in idleness. */
const RESTS = 6
/** One history of so many hurts nobody: then everything must stay at home. */
const PEACE = 8
/**
 * Brokers vote when the lease is over that an earlier life of theirs may have given; and a vote goes to
 * another when a lease is over.
 */
const STANDBY_LEASE_MS = 2_200
const MOST_CALLS = 50
const times = (count: number, value: number): number[] => Array.from({ length: count }, () => value)

/** Small clusters mostly: they find as much as large ones do, and many more can be walked. */
const BROKERS = [1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4, 5]
const RESPONDERS = [
  ...Array(15).fill(1),
  ...Array(24).fill(2),
  ...Array(14).fill(3),
  4,
  4,
  4,
  5,
  6,
  12,
]
const REQUESTERS = [...times(25, 1), ...times(20, 2), ...times(8, 3), 4, 4, 5, 6, 20]

/** What there is in a history, beside plain calls. */
interface Features {
  readonly isPeace: boolean
  readonly hasNesting: boolean
  readonly hasStandby: boolean
  readonly hasRules: boolean
  readonly hasKeys: boolean
  readonly hasBounds: boolean
  readonly hasTokens: boolean
  readonly hasTightQueues: boolean
  readonly hasTightCredit: boolean
  readonly hasGreatNumbers: boolean
  readonly hasNewcomers: boolean
}

type Lane = Pick<AnswerPlan, 'concurrency' | 'prefetch' | 'minQueues' | 'maxQueues'>

class Draw {
  readonly #prng: Prng
  readonly #seed: number
  readonly #features: Features

  constructor(seed: number) {
    this.#seed = seed
    this.#prng = new Prng(seed)
    const isPeace = this.below(PEACE) === 0
    const hasStandby = this.chance(0.15)
    this.#features = {
      isPeace,
      hasNesting: this.chance(0.25),
      hasStandby,
      hasRules: this.chance(0.15),
      hasKeys: this.chance(0.3),
      hasBounds: !isPeace && this.chance(0.15),
      hasTokens: this.chance(0.1),
      hasTightQueues: !isPeace && this.chance(0.2),
      hasTightCredit: !isPeace && this.chance(0.5),
      hasGreatNumbers: this.chance(0.1),
      // A majority is one only among the same brokers.
      hasNewcomers: !isPeace && !hasStandby && this.chance(0.2),
    }
  }

  plan(): Plan {
    const { isPeace, hasRules } = this.#features
    const idcs = IDCS.slice(0, this.one([1, 1, 2, 2, 3]))
    const latencyMs = 1 + this.below(4)
    const awayMs = latencyMs + (idcs.length > 1 ? this.below(25) : 0)
    const names = this.#names(this.one(BROKERS), idcs)
    const brokers = names.map((who) => ({ ...who, limits: this.#limits() }))
    const known = brokers.map(({ name }) => name)
    const lane = this.#lane()
    const responders = this.#names(this.one(RESPONDERS), idcs).map(
      (who, index): ResponderPlan => ({
        ...this.#client(who, known),
        // Somebody answers the calls that no rule means; of bounded queues nobody knows who gets one.
        label: hasRules && lane.maxQueues === 0 && index > 0 && this.chance(0.4) ? 'v2' : '',
        answers: this.#answers(lane),
      }),
    )
    const requesters = this.#names(this.one(REQUESTERS), idcs).map((who) =>
      this.#client(who, known),
    )
    const leaseMs = this.#features.hasStandby ? STANDBY_LEASE_MS : 0
    const chaosMs = leaseMs + this.one([500, 500, 1_000, 1_000, 2_000, 3_000])
    const calls = this.#calls(requesters, chaosMs)
    const cast = { idcs, brokers, responders, requesters }
    const faults = isPeace ? [] : drawFaults(this, cast, chaosMs)
    const warmMs = leaseMs + (isPeace ? 1_500 : this.below(600))
    const rules = hasRules ? this.#rules() : []
    const nature = this.#nature()
    if (!isPeace) faults.push(...drawHarsh(this, cast, nature.registries, chaosMs))
    const events: PlannedEvent[] = [...calls, ...faults].sort((a, b) => a.at - b.at)
    const seed = this.#seed
    const plan = {
      seed,
      latencyMs,
      awayMs,
      nature,
      brokers,
      responders,
      requesters,
      rules,
      warmMs,
      chaosMs,
      // It takes much of the time, and finds what it does in few histories as well.
      rests: seed % RESTS === 0,
      events,
    }
    return isPeace ? plan : slowed(plan, this)
  }

  below(bound: number): number {
    return this.#prng.below(bound)
  }

  chance(share: number): boolean {
    return this.#prng.chance(share)
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  /** `a1-1`, `a1-2`, `b1-1` …: so many, each in a random place. */
  #names(count: number, idcs: readonly string[]): { name: string; idc: string }[] {
    const counts = new Map<string, number>()
    return Array.from({ length: count }, () => {
      const idc = this.one(idcs)
      const number = (counts.get(idc) ?? 0) + 1
      counts.set(idc, number)
      return { name: `${idc}-${number}`, idc }
    })
  }

  #limits(): Partial<BrokerLimits> {
    const { isPeace, hasTightQueues } = this.#features
    if (isPeace) return {}
    return {
      ...(hasTightQueues ? { maxDepth: this.one([1, 2, 4, 20]) } : {}),
      ...(hasTightQueues && this.chance(0.3) ? { maxBodyBytes: 2_000 } : {}),
      ...(this.chance(0.2) ? { sessionHoldMs: this.one([300, 1_000]) } : {}),
      ...(this.chance(0.2) ? { warmUpMs: this.one([0, 500]) } : {}),
      ...(this.chance(0.1) ? { silenceMs: 600 } : {}),
    }
  }

  #lane(): Lane {
    const { isPeace, hasTightCredit, hasBounds } = this.#features
    const isTight = !isPeace && hasTightCredit
    return {
      concurrency: isTight ? 1 + this.below(3) : isPeace ? 64 : this.one([8, 64]),
      prefetch: isTight ? this.below(4) : 64,
      minQueues: 0,
      maxQueues: hasBounds ? 1 + this.below(2) : 0,
    }
  }

  #answers(lane: Lane): AnswerPlan[] {
    const { hasNesting, hasStandby } = this.#features
    const answers: AnswerPlan[] = [{ topic: TOPIC, ...lane, isStandby: false }]
    if (hasNesting) answers.push({ topic: NESTING, ...lane, isStandby: false })
    if (hasStandby) {
      answers.push({ topic: STANDBY, ...lane, minQueues: 0, maxQueues: 0, isStandby: true })
    }
    return answers
  }

  #client(who: { name: string; idc: string }, brokers: readonly string[]): ClientPlan {
    const { isPeace, hasTokens, hasGreatNumbers, hasNewcomers } = this.#features
    const isNewcomer = hasNewcomers && this.chance(0.4)
    return {
      ...who,
      label: '',
      knows: isNewcomer ? [this.one(brokers)] : brokers,
      maxInFlight: !isPeace && this.chance(0.05) ? 3 : 20_000,
      silenceMs: 1_000,
      // Counters must not be touched by 32-bit arithmetic.
      firstCounter: hasGreatNumbers ? 2 ** 32 - 5 : 1,
      token: hasTokens && this.chance(0.5) ? OUTSIDER : '',
    }
  }

  #nature(): Nature {
    const { isPeace, hasStandby } = this.#features
    const jitterMs = this.chance(0.4) ? 1 + this.below(15) : 0
    const drift = this.chance(0.3) ? 0.05 : 0
    // With a registry brokers come and go, and a majority is one only among the same.
    const registries = !hasStandby && this.chance(0.2) ? 1 + this.below(2) : 0
    const httpLoss = !isPeace && registries > 0 && this.chance(0.5) ? 0.2 : 0
    return { jitterMs, drift, registries, httpLoss }
  }

  #rules(): DarkLaunchRule[] {
    const when = this.one([{ percent: 50 }, { label: 'v2' }])
    const otherwise = this.chance(0.3) ? 'strict' : 'fallback'
    return [{ topic: TOPIC, to: 'v2', when, otherwise }]
  }

  #calls(requesters: readonly ClientPlan[], chaosMs: number): CallPlan[] {
    const everyMs = this.one([10, 20, 30, 60])
    const slow = this.one([20, 30, 100, 900])
    const calls: CallPlan[] = []
    const count = Math.min(MOST_CALLS, Math.ceil(chaosMs / everyMs))
    for (let id = 1; id <= count; id++) {
      const at = this.below(chaosMs)
      calls.push(this.#call(id, at, this.one(requesters), slow))
    }
    return calls
  }

  #call(id: number, at: number, { name }: ClientPlan, slowMs: number): CallPlan {
    const { isPeace, hasNesting, hasStandby, hasKeys, hasRules, hasTokens } = this.#features
    const topics = [TOPIC, TOPIC, TOPIC]
    if (hasNesting) topics.push(NESTING, NESTING)
    if (hasStandby) topics.push(STANDBY, STANDBY)
    if (hasTokens) topics.push(SECRET)
    const topic = this.one(topics)
    const shortMs = isPeace ? 1_000 : 50
    return {
      ...{ at, kind: 'call', id, by: name, topic },
      takesMs: this.chance(0.75) ? this.below(slowMs) : this.below(900),
      throws: this.chance(0.08),
      nested: topic === NESTING ? this.one([TOPIC, TOPIC, NESTING]) : '',
      timeoutMs: shortMs + this.below(this.chance(0.3) ? 3_000 : 500),
      isIdempotent: this.chance(0.33),
      key: hasKeys && this.chance(0.5) ? `k${this.below(4)}` : '',
      waits: this.chance(0.25),
      cancelMs: !isPeace && this.chance(0.04) ? 1 + this.below(200) : 0,
      label: hasRules && this.chance(0.3) ? 'v2' : '',
      padding: !isPeace && this.chance(0.03) ? this.one([2_500, 40_000]) : 0,
    }
  }
}

export const drawPlan = (seed: number): Plan => forced(new Draw(seed).plan())
