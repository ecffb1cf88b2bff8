import { CounterRing } from '../../bus/counter-ring.ts'
import type { Mark } from './mark.ts'

/** Another instance as this one knows it: whom replies come from, and whose calls are remembered. */
export class Peer {
  readonly instance: string
  replyTopic: string
  /** How many links know it by a handle. */
  links = 0
  #short: CounterRing<Mark> | undefined
  #long: CounterRing<Mark> | undefined
  #shortFloor = 0
  #longFloor = 0

  constructor(instance: string, replyTopic: string) {
    this.instance = instance
    this.replyTopic = replyTopic
  }

  get marks(): number {
    return (this.#short?.size ?? 0) + (this.#long?.size ?? 0)
  }

  floor(isLong: boolean): number {
    return isLong ? this.#longFloor : this.#shortFloor
  }

  find(counter: number, isLong: boolean): Mark | undefined {
    return (isLong ? this.#long : this.#short)?.get(counter)
  }

  add(mark: Mark): void {
    if (mark.isLong) {
      this.#long ??= new CounterRing<Mark>(mark.counter)
      this.#long.set(mark.counter, mark)
    } else {
      this.#short ??= new CounterRing<Mark>(mark.counter)
      this.#short.set(mark.counter, mark)
    }
  }

  delete(mark: Mark): void {
    ;(mark.isLong ? this.#long : this.#short)?.delete(mark.counter)
  }

  /** Everything below is settled at the requester: forget it. Floors by two ways: the higher stays. */
  raiseFloor(floor: number, isLong: boolean, forget: (mark: Mark) => void): void {
    if (floor <= this.floor(isLong)) return
    if (isLong) {
      this.#longFloor = floor
      this.#long?.deleteBelow(floor, forget)
    } else {
      this.#shortFloor = floor
      this.#short?.deleteBelow(floor, forget)
    }
  }

  *all(): Generator<Mark> {
    if (this.#short !== undefined) yield* this.#short.values()
    if (this.#long !== undefined) yield* this.#long.values()
  }
}
