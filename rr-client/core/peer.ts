import { CounterRing } from '../../bus/counter-ring.ts'

/** What is remembered of a call, as far as its table needs to know. */
interface Remembered {
  readonly counter: number
  readonly isLong: boolean
}

/** Another instance as this one knows it: whom replies come from, and whose calls are remembered. */
export class Peer<M extends Remembered = Remembered> {
  readonly instance: string
  replyTopic: string
  /** How many links know it by a handle. */
  links = 0
  #short: CounterRing<M> | undefined
  #long: CounterRing<M> | undefined
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

  find(counter: number, isLong: boolean): M | undefined {
    return (isLong ? this.#long : this.#short)?.get(counter)
  }

  add(mark: M): void {
    if (mark.isLong) {
      this.#long ??= new CounterRing<M>(mark.counter)
      this.#long.set(mark.counter, mark)
    } else {
      this.#short ??= new CounterRing<M>(mark.counter)
      this.#short.set(mark.counter, mark)
    }
  }

  delete(mark: M): void {
    ;(mark.isLong ? this.#long : this.#short)?.delete(mark.counter)
  }

  /** Everything below is settled at the requester: forget it. Floors by two ways: the higher stays. */
  raiseFloor(floor: number, isLong: boolean, forget: (mark: M) => void): void {
    if (floor <= this.floor(isLong)) return
    if (isLong) {
      this.#longFloor = floor
      this.#long?.deleteBelow(floor, forget)
    } else {
      this.#shortFloor = floor
      this.#short?.deleteBelow(floor, forget)
    }
  }

  *all(): Generator<M> {
    if (this.#short !== undefined) yield* this.#short.values()
    if (this.#long !== undefined) yield* this.#long.values()
  }
}

/** The peers of every link, by the handles its broker gave them. */
export class Handles<P extends Peer> {
  readonly #byLink: Map<number, P>[] = []

  find(link: { readonly index: number }, handle: number): P | undefined {
    return this.#byLink[link.index]?.get(handle)
  }

  set(link: { readonly index: number }, handle: number, peer: P): void {
    this.#of(link.index).set(handle, peer)
  }

  delete(link: { readonly index: number }, handle: number): P | undefined {
    const peer = this.find(link, handle)
    if (peer !== undefined) this.#of(link.index).delete(handle)
    return peer
  }

  /** Empties a link's table and returns what was in it. */
  clear(link: { readonly index: number }): P[] {
    const peers = [...this.#of(link.index).values()]
    this.#of(link.index).clear()
    return peers
  }

  #of(index: number): Map<number, P> {
    let handles = this.#byLink[index]
    if (handles === undefined) {
      handles = new Map()
      this.#byLink[index] = handles
    }
    return handles
  }
}
