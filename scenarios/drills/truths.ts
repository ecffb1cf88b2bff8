/** What callers were told, held against the books of those who did the work. */
import { ranTwice } from '../checkers/at-most-once.ts'
import { lieOf } from '../checkers/truth.ts'
import type { Figure } from './report.ts'
import type { Call, Ledger } from './stage.ts'

/** Of each call a few bytes must be kept until the books are read. */
export const MAX_CALLS = 2_000_000
const EXAMPLES = 3

interface Told {
  readonly outcome: Call['outcome']
  readonly isIdempotent: boolean
}

/** One object for each way there is, however many calls there are. */
const WAYS: readonly Told[] = (['executed', 'not_executed', 'unknown'] as const).flatMap(
  (outcome) => [
    { outcome, isIdempotent: false },
    { outcome, isIdempotent: true },
  ],
)
const wayOf = ({ outcome, isIdempotent }: Call): Told =>
  WAYS.find((way) => way.outcome === outcome && way.isIdempotent === isIdempotent)!

export class Truths {
  readonly #told = new Map<string, Told>()
  #unchecked = 0

  add(call: Call): void {
    if (this.#told.size < MAX_CALLS) this.#told.set(call.id, wayOf(call))
    else this.#unchecked += 1
  }

  /** None may have run twice that was not to, and nobody may have been told what is not so. */
  figures(ledger: Ledger): Figure[] {
    const twice: string[] = []
    const misled: string[] = []
    for (const [id, { outcome, isIdempotent }] of this.#told) {
      const begun = ledger.get(id) ?? 0
      if (ranTwice({ isIdempotent }, begun)) twice.push(`${id} (${begun} times)`)
      const lie = lieOf(outcome, begun)
      if (lie !== undefined) misled.push(`${id} (${lie})`)
    }
    const figures = [zero('executed twice', twice), zero('misled', misled)]
    if (this.#unchecked > 0) {
      const note = `of more than ${MAX_CALLS} calls no account is kept`
      figures.push({ ...zero('calls not checked', []), value: this.#unchecked, note })
    }
    return figures
  }
}

const zero = (name: string, found: readonly string[]): Figure => ({
  ...{ name, value: found.length, unit: 'count' as const, most: 0 },
  note: found.slice(0, EXAMPLES).join(', '),
})
