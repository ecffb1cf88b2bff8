import type { Advisory } from '../../../bus/advisory.ts'
import type { Prng } from '../../../bus/prng.ts'
import {
  type RegistryAnswer,
  type RegistryRefusal,
  refusalIn,
  uselessAnswer,
} from '../../../bus/registry-answer.ts'

const EVERY_MS = 1_000
/** A copy with a short lease is told more often: it must miss several before it forgets. */
const PER_LEASE = 5
const JITTER = 0.2
const LAST_BACKOFF_MS = 5_000

/** No answer is waited for longer. */
export const ANSWER_MS = 2_000
/** A start, or a close, waits no longer than this for a copy that does not answer. */
export const PATIENCE_MS = 1_000
const LOST_PATIENCE_MS = 200

export type AnnouncementRefused = RegistryRefusal & { readonly url: string }

/**
 * One copy of the registry as a broker announces itself to it: what its answers mean, and when it is
 * told again. What the copy says is told once per change.
 */
export class AnnouncedCopy {
  readonly url: string
  readonly #advise: (advisory: Advisory) => void
  readonly #prng: Prng
  #everyMs = EVERY_MS
  #failures = 0
  /** What was last told of it. */
  #told = ''

  constructor(url: string, advise: (advisory: Advisory) => void, prng: Prng) {
    this.url = url
    this.#advise = advise
    this.#prng = prng
  }

  /** How long a withdrawal waits for its answer. */
  get patienceMs(): number {
    return this.#failures === 0 ? PATIENCE_MS : LOST_PATIENCE_MS
  }

  /** The announcement was answered; what it was refused for, if it was. */
  onAnswer(answer: RegistryAnswer): AnnouncementRefused | undefined {
    const refusal = refusalIn(answer)
    if (refusal === undefined && answer.status !== 200) {
      this.onFailure(uselessAnswer(answer))
      return undefined
    }
    this.#failures = 0
    if (refusal === undefined) {
      this.#accepted(answer)
      return undefined
    }
    const refused = { url: this.url, ...refusal }
    // The first one is for whoever starts the broker to tell.
    if (this.#told !== '') this.#tell({ kind: 'registry_refused', ...refused })
    return refused
  }

  /** There was no answer. */
  onFailure(reason: string): void {
    this.#failures += 1
    this.#tell({ kind: 'registry_lost', url: this.url, reason })
  }

  /** How long to wait before the next announcement. */
  pauseMs(): number {
    const base = Math.min(LAST_BACKOFF_MS, this.#everyMs * 2 ** Math.min(8, this.#failures))
    return base * (1 - JITTER) + this.#prng.below(base * 2 * JITTER)
  }

  #accepted({ body }: RegistryAnswer): void {
    const leaseMs = (body as { leaseMs?: unknown } | undefined | null)?.leaseMs
    if (typeof leaseMs === 'number' && leaseMs > 0) {
      this.#everyMs = Math.min(EVERY_MS, leaseMs / PER_LEASE)
    }
    this.#tell({ kind: 'registry_found', url: this.url })
  }

  /** A loss is one fact however its reason changes; a refusal is another one with another reason. */
  #tell(advisory: Advisory & { kind: `registry_${string}` }): void {
    const what = advisory.kind === 'registry_refused' ? advisory.message : advisory.kind
    if (this.#told === what) return
    this.#told = what
    this.#advise(advisory)
  }
}
