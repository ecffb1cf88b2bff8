import { EVERY_TOPIC, MAX_WORDS } from '../../bus/order.ts'

/** What an operator wants of a queue, whatever its calls say. */
export type Forced = 'open' | 'closed'

/** Which queues an operator means. */
export interface Selector {
  readonly topic: string
  /** Only queues of this instance. Default: of every one. */
  readonly instance: string | undefined
  /** Only queues of owners in this data centre. Default: in every one. */
  readonly idc: string | undefined
}

/** An operator's word about queues, those that come later among them, until it is over. */
export interface Word extends Selector {
  /** A later word with the same id takes its place. */
  readonly id: string
  readonly to: Forced
  readonly until: number
  readonly reason: string
}

/** What holds for one queue, and what does when that is over. */
export interface Forcing {
  readonly to: Forced
  readonly until: number
  readonly reason: string
  readonly under?: Forcing | undefined
}

interface Named {
  readonly instance: string
  readonly idc: string
  readonly topic: { readonly name: string }
}

/** The words of operators about queues, the newest first: it overrules those before it. */
export class StandingForces {
  #words: Word[] = []

  /** Words that hold. */
  count(now: number): number {
    if (this.#words.some(({ until }) => until <= now)) {
      this.#words = this.#words.filter(({ until }) => until > now)
    }
    return this.#words.length
  }

  /** Takes the place of the one with the same id, and of one about the same queues. False: too many. */
  put(now: number, word: Word): boolean {
    const others = this.#words.filter((other) => other.id !== word.id && !isSame(other, word))
    if (this.count(now) >= MAX_WORDS && others.length >= MAX_WORDS) return false
    this.#words = [word, ...others]
    return true
  }

  /** Takes back the word with that id, and all that are about no other queues than these. */
  end(id: string, selector: Selector): void {
    this.#words = this.#words.filter((word) => word.id !== id && !covers(selector, word))
  }

  /** What holds for a queue. */
  of(now: number, queue: Named): Forcing | undefined {
    let forcing: Forcing | undefined
    for (const word of [...this.#words].reverse()) {
      if (word.until <= now || !isMeant(word, queue)) continue
      const { to, until, reason } = word
      forcing = { to, until, reason, under: forcing }
    }
    return forcing
  }
}

export const isMeant = ({ topic, instance, idc }: Selector, queue: Named): boolean =>
  (topic === EVERY_TOPIC || topic === queue.topic.name) &&
  (instance === undefined || instance === queue.instance) &&
  (idc === undefined || idc === queue.idc)

const isSame = (a: Selector, b: Selector): boolean =>
  a.topic === b.topic && a.instance === b.instance && a.idc === b.idc

/** Every queue that `b` means is meant by `a`. */
const covers = (a: Selector, b: Selector): boolean =>
  (a.topic === EVERY_TOPIC || a.topic === b.topic) &&
  (a.instance === undefined || a.instance === b.instance) &&
  (a.idc === undefined || a.idc === b.idc)
