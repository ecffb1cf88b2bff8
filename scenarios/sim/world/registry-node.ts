import { type Announcement, Directory } from '../../../broker/registry/core/directory.ts'
import type { Prng } from '../../../bus/prng.ts'
import type { RegistryAnswer } from '../../../bus/registry-answer.ts'
import type { ClockAsk } from './clock.ts'
import { Node } from './node.ts'
import { RegistryDesk } from './registry-desk.ts'
import type { Surroundings } from './surroundings.ts'

export interface RegistryAsk {
  readonly leaseMs: number
  readonly clock?: ClockAsk
}

/** What is asked of a registry over HTTP. */
export type RegistryQuestion =
  | { readonly kind: 'announce'; readonly announcement: Announcement }
  | { readonly kind: 'withdraw'; readonly id: string; readonly life: number }
  | { readonly kind: 'list'; readonly seen: string; readonly waitMs: number }

/**
 * How it answers those who ask for the list: as it is; as a copy that has just started and knows
 * nobody; with what makes no sense; or with the oldest list of this life that it remembers.
 */
export type RegistryMood = 'true' | 'empty' | 'garbled' | 'stale'

const MAX_BROKERS = 1_000
const SILENCE_MS = 1_000
/** Lists remembered, for a stale answer. */
const MAX_PAST = 16

/** One life of a copy of the registry: the real directory, with a trivial shell around it. */
export class RegistryNode extends Node {
  readonly core: RegistryDesk
  readonly directory: Directory
  readonly ask: RegistryAsk
  /** Tells the lives of copies apart. */
  readonly copy: string
  #mood: RegistryMood = 'true'
  readonly #past: { version: number; text: string }[] = []

  constructor(world: Surroundings, name: string, copy: string, ask: RegistryAsk) {
    super(world, name, SILENCE_MS, ask.clock)
    this.ask = ask
    this.copy = copy
    this.directory = new Directory({ leaseMs: ask.leaseMs, maxBrokers: MAX_BROKERS })
    this.core = new RegistryDesk(this.directory)
  }

  /** How it answers from now on; those who wait hear it at once. */
  set mood(mood: RegistryMood) {
    this.#mood = mood
    this.step((now) => this.core.tellAll(now))
  }

  /** Answers, now or when there is something new; `answer` is called once at most. */
  onQuestion(question: RegistryQuestion, answer: (answer: RegistryAnswer) => void): void {
    this.step((now) => {
      if (question.kind === 'announce') answer(this.#announce(now, question.announcement))
      else if (question.kind === 'withdraw') answer(this.#withdraw(now, question.id, question.life))
      else this.#list(now, question.seen, question.waitMs, answer)
    })
  }

  /** Who it holds to be there, by id. */
  brokers(): string[] {
    return this.directory.list(this.now).map(({ id }) => id)
  }

  #announce(now: number, announcement: Announcement): RegistryAnswer {
    const refusal = this.directory.announce(now, announcement)
    this.core.look(now)
    if (refusal !== undefined) {
      return { status: refusal.code === 'registry_full' ? 503 : 409, body: { error: refusal } }
    }
    const { leaseMs } = this.ask
    return { status: 200, body: { copy: this.copy, version: this.directory.version, leaseMs } }
  }

  #withdraw(now: number, id: string, life: number): RegistryAnswer {
    const wasKnown = this.directory.withdraw(now, id, life)
    this.core.look(now)
    return { status: 200, body: { copy: this.copy, version: this.directory.version, wasKnown } }
  }

  #list(now: number, seen: string, waitMs: number, answer: (answer: RegistryAnswer) => void): void {
    const { version } = this.directory
    const tell = (later: number): void => answer(this.#listed(later))
    const isNews = waitMs === 0 || seen !== `${this.copy}.${version}`
    if (isNews || this.#mood !== 'true') tell(now)
    else this.core.wait(version, now + waitMs, tell)
  }

  #listed(now: number): RegistryAnswer {
    const { copy } = this
    const brokers = this.directory
      .list(now)
      .map(({ id, life, idc, urls, heardAt }) => ({ id, life, idc, urls, ageMs: now - heardAt }))
    const { version } = this.directory
    const text = JSON.stringify({ copy, version, brokers })
    if (this.#past.at(-1)?.version !== version) this.#past.push({ version, text })
    if (this.#past.length > MAX_PAST) this.#past.shift()
    if (this.#mood === 'garbled') return garbled(this.world.nature, text)
    if (this.#mood === 'empty') {
      return { status: 200, body: { copy: `${copy}-anew`, version: 1, brokers: [] } }
    }
    return { status: 200, body: JSON.parse(this.#mood === 'stale' ? this.#past[0]!.text : text) }
  }
}

/** What a broken proxy, or a registry of another kind, might say. */
const garbled = (chance: Prng, text: string): RegistryAnswer => {
  const whole = JSON.parse(text) as { brokers: object[] }
  const answers: RegistryAnswer[] = [
    { status: 200, body: undefined },
    { status: 200, body: [whole] },
    { status: 200, body: { ...whole, version: 'six' } },
    { status: 200, body: { ...whole, brokers: { 0: whole.brokers[0] } } },
    { status: 200, body: { ...whole, brokers: whole.brokers.map((b) => ({ ...b, urls: ['?'] })) } },
    { status: 200, body: { ...whole, brokers: [null, 7, ...whole.brokers, {}] } },
    { status: 500, body: { error: { message: 'it broke' } } },
    { status: 502, body: undefined },
  ]
  return answers[chance.below(answers.length)]!
}
