import { ReturnWait } from '../../bus/return-wait.ts'

/** What is usual is forgotten by half in this time. */
const HALF_LIFE_MS = 600_000
/** Below this share of the usual number, and of the usual credit, those at home are too few. */
const SHORT_SHARE = 0.5
/** While too few are at home: when to look again whether that has become the usual. */
const LOOK_MS = 30_000

/** What instances of the broker's own data centre offer for a topic. */
export interface LocalOffer {
  readonly instances: number
  readonly credit: number
  /** Those that are sure, and their credit: the others were lost a moment ago, and may be back. */
  readonly linked: number
  readonly linkedCredit: number
  /** So many instances the group wants at least. */
  readonly least: number
}

/**
 * Whether instances of other data centres take part in a topic here (cross-IDC listening): at once
 * when those at home are gone or too few, and until those at home have done for a while.
 */
export class Takeover {
  isOn = false
  /** So many instances there usually are, and what they usually grant. */
  #usual = 0
  #usualCredit = 0
  #usualAt = 0
  #enoughSince = -1
  readonly #wait = new ReturnWait()
  #lookAt = Number.POSITIVE_INFINITY

  /** When to look again although nothing has happened. */
  get dueAt(): number {
    if (!this.isOn) return Number.POSITIVE_INFINITY
    return this.#enoughSince < 0 ? this.#lookAt : this.#enoughSince + this.#wait.ms
  }

  /** Instances at home were lost; otherwise they have only yet to come, which is no news. */
  get isForLoss(): boolean {
    return this.#wait.ms > 0
  }

  /** Takes in who is at home now. Returns whether the others take part. */
  update(now: number, local: LocalOffer): boolean {
    const isShort = this.#isShort(now, local)
    if (isShort) {
      this.#enoughSince = -1
      this.#lookAt = now + LOOK_MS
      if (!this.isOn) this.#begin(now)
    } else if (this.isOn) {
      if (this.#enoughSince < 0) this.#enoughSince = now
      if (now - this.#enoughSince >= this.#wait.ms) {
        this.isOn = false
        this.#wait.returned(now)
      }
    }
    return this.isOn
  }

  /** An instance at home left in good order: fewer are the usual from now on. */
  left(credit: number): void {
    this.#usual = Math.max(0, this.#usual - 1)
    this.#usualCredit = Math.max(0, this.#usualCredit - credit)
  }

  #begin(now: number): void {
    this.#wait.failed(now)
    // Nobody at home was lost: they only come later than the others.
    if (this.#usual === 0) this.#wait.waive()
    this.isOn = true
  }

  #isShort(now: number, { instances, credit, linked, linkedCredit, least }: LocalOffer): boolean {
    const kept = 0.5 ** ((now - this.#usualAt) / HALF_LIFE_MS)
    // One that comes in the place of one just lost must not count beside it.
    this.#usual = Math.max(linked, this.#usual * kept)
    this.#usualCredit = Math.max(linkedCredit, this.#usualCredit * kept)
    this.#usualAt = now
    if (instances === 0 || instances < least) return true
    // Credit alone says little: it is shared with other brokers, and what they get may change.
    const isFew = instances < this.#usual * SHORT_SHARE
    return isFew && credit < this.#usualCredit * SHORT_SHARE
  }
}
