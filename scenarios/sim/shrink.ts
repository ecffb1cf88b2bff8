/** Makes a failing plan small: fewer faults, fewer calls, fewer processes, plainer knobs. */
import type { Plan, PlannedEvent } from './plan.ts'

/** Whether a plan still fails in the way that matters. */
export type Fails = (plan: Plan) => boolean

/** Plans tried at most: each costs some milliseconds. */
const MAX_TRIES = 1_500

export function shrinkPlan(plan: Plan, fails: Fails): Plan {
  const shrinker = new Shrinker(plan, fails)
  shrinker.shrink()
  return shrinker.plan
}

class Shrinker {
  plan: Plan
  readonly #fails: Fails
  #tries = 0

  constructor(plan: Plan, fails: Fails) {
    this.plan = plan
    this.#fails = fails
  }

  /** Until a whole round finds nothing more to leave out. */
  shrink(): void {
    for (let size = -1; size !== sizeOf(this.plan) && this.#tries < MAX_TRIES; ) {
      size = sizeOf(this.plan)
      this.#dropEvents('fault')
      this.#dropEvents('call')
      this.#dropPeople()
      this.#simplify()
    }
  }

  #dropEvents(kind: PlannedEvent['kind']): void {
    const isMeant = (event: PlannedEvent): boolean => event.kind === kind
    this.#thin(this.plan.events.filter(isMeant), (kept) => ({
      ...this.plan,
      events: this.plan.events.filter((event) => !isMeant(event) || kept.has(event)),
    }))
  }

  #dropPeople(): void {
    const { requesters, responders, brokers } = this.plan
    this.#thin(requesters, (kept) => ({
      ...this.plan,
      requesters: requesters.filter((one) => kept.has(one)),
      events: this.plan.events.filter(
        (event) => event.kind !== 'call' || named(requesters, kept, event.by),
      ),
    }))
    if (responders.length > 1) {
      this.#thin(responders, (kept) => ({
        ...this.plan,
        responders: responders.filter((r) => kept.has(r)),
      }))
    }
    this.#thin(brokers, (kept) => {
      const left = brokers.filter((one) => kept.has(one))
      const names = left.map(({ name }) => name)
      const knowing = <C extends { knows: readonly string[] }>(client: C): C => {
        const knows = client.knows.filter((name) => names.includes(name))
        return { ...client, knows: knows.length > 0 ? knows : names }
      }
      return {
        ...this.plan,
        brokers: left,
        requesters: this.plan.requesters.map(knowing),
        responders: this.plan.responders.map(knowing),
        events: this.plan.events.filter(
          (event) =>
            event.kind !== 'fault' ||
            event.fault.verb !== 'lose' ||
            names.includes(event.fault.broker),
        ),
      }
    })
  }

  #simplify(): void {
    const { plan } = this
    this.#try({ ...plan, rules: [] })
    this.#try({ ...plan, brokers: plan.brokers.map((broker) => ({ ...broker, limits: {} })) })
    this.#try({ ...plan, awayMs: plan.latencyMs })
    const last = Math.max(0, ...this.plan.events.map(({ at }) => at))
    this.#try({ ...this.plan, chaosMs: Math.min(this.plan.chaosMs, last + 1) })
  }

  /** Leaves out as many as it can: halves first, then quarters, at last one by one (ddmin). */
  #thin<T>(all: readonly T[], planOf: (kept: ReadonlySet<T>) => Plan): void {
    let kept = [...all]
    for (
      let size = Math.ceil(kept.length / 2);
      size >= 1;
      size = size === 1 ? 0 : Math.ceil(size / 2)
    ) {
      for (let from = 0; from < kept.length; ) {
        const fewer = [...kept.slice(0, from), ...kept.slice(from + size)]
        if (this.#try(planOf(new Set(fewer)))) kept = fewer
        else from += size
      }
    }
  }

  #try(plan: Plan): boolean {
    if (this.#tries >= MAX_TRIES || plan.brokers.length === 0) return false
    if (plan.responders.length === 0 || plan.requesters.length === 0) return false
    this.#tries += 1
    if (!this.#fails(plan)) return false
    this.plan = plan
    return true
  }
}

const named = <T extends { name: string }>(
  all: readonly T[],
  kept: ReadonlySet<T>,
  name: string,
): boolean => all.some((one) => one.name === name && kept.has(one))

const sizeOf = ({ events, brokers, responders, requesters }: Plan): number =>
  events.length + brokers.length + responders.length + requesters.length
