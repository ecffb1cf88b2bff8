/** What a drill has had done to a cluster by its admin API, until it is undone: by the drill, or the guard. */
import type { SteerAct } from '../drills/words.ts'
import type { Guard } from './guardian.ts'
import type { Operator, Steer } from './operator.ts'

/** An isolation ends by itself, should all else fail: so long after it should have been ended. */
const LAPSE_MS = 30_000
const MOST_MS = 86_400_000

export interface SteersFacts {
  operator: Operator
  guard: Guard
  topic: string
  /** How long the drill takes, about. */
  lastsMs: number
}

export class Steers {
  readonly #facts: SteersFacts
  /** By what they undo, such as `isolate sz`. */
  readonly #inForce = new Map<string, Steer>()

  constructor(facts: SteersFacts) {
    this.#facts = facts
  }

  /** Does it; what is returned takes it back, if it is still in force. */
  async perform({ verb, target, forMs }: SteerAct): Promise<() => Promise<void>> {
    const { topic, operator, lastsMs } = this.#facts
    const { name } = target
    const isOfIdc = verb === 'isolate' || verb === 'restore'
    const key = `${isOfIdc ? 'isolate' : 'drain'} ${name}`
    if (verb === 'restore' || verb === 'resume') {
      await this.#undo(key, isOfIdc ? { do: 'restore', name, topic } : { do: 'resume', name })
      return async () => {}
    }
    const undo: Steer = isOfIdc ? { do: 'restore', name, topic } : { do: 'resume', name }
    // Before it is asked for: it may be done although the answer is lost, or nobody waits for it.
    this.#inForce.set(key, undo)
    this.#facts.guard.undo(key, operator.saved(undo))
    const lapsesMs = Math.min(MOST_MS, (forMs ?? lastsMs) + LAPSE_MS)
    await operator.steer(
      isOfIdc ? { do: 'isolate', name, topic, forMs: lapsesMs } : { do: 'drain', name },
    )
    return async () => {
      if (this.#inForce.get(key) === undo) await this.#undo(key, undo)
    }
  }

  /** Everything is as it was. Rejects with what could not be undone; the guard tries once more. */
  async end(): Promise<void> {
    const undone = [...this.#inForce].map(async ([key, undo]) => {
      try {
        await this.#undo(key, undo)
      } catch (error) {
        throw new Error(`"${key}" may still be in force: ${(error as Error).message}`)
      }
    })
    const failed = (await Promise.allSettled(undone)).filter(({ status }) => status === 'rejected')
    if (failed.length === 0) return
    throw new Error(failed.map((one) => (one as PromiseRejectedResult).reason.message).join('; '))
  }

  async #undo(key: string, undo: Steer): Promise<void> {
    await this.#facts.operator.steer(undo)
    this.#inForce.delete(key)
    this.#facts.guard.undone(key)
  }
}
