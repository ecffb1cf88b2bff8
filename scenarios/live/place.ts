/** The place of one player in a live drill, and one life after another in it. */
import type { Kind, Player } from '../drills/targets.ts'
import type { PartName, PartOf } from './parts.ts'

/** A polite end takes this long at most. */
const STOP_MS = 10_000

export interface PlaceFacts<P extends PartName> extends Player {
  /** Begins the process of a new life. */
  fork(): PartOf<P>
  /** Tells it who it is; resolves when it does what it is there for. */
  join(child: PartOf<P>, life: number): Promise<void>
  /** It ended, and nobody had asked for it. */
  onLost(how: string): void
}

export class Place<P extends PartName = PartName> implements Player {
  readonly kind: Kind
  readonly name: string
  readonly idc: string
  readonly #facts: PlaceFacts<P>
  /** Freezes in force: one may begin before another ends. */
  readonly #freezes = new Set<object>()
  #child: PartOf<P> | undefined
  /** Being ended by us. */
  #isLeaving = false
  #lives = 0

  constructor(facts: PlaceFacts<P>) {
    this.kind = facts.kind
    this.name = facts.name
    this.idc = facts.idc
    this.#facts = facts
  }

  get isUp(): boolean {
    return this.#child?.isUp === true
  }

  get isFrozen(): boolean {
    return this.isUp && this.#freezes.size > 0
  }

  /** The process of the present life, or of the last one. */
  get child(): PartOf<P> {
    return this.#child!
  }

  /** A new life, from the first instruction on. */
  fork(): void {
    const child = this.#facts.fork()
    this.#child = child
    this.#isLeaving = false
    this.#freezes.clear()
    this.#lives += 1
    void child.gone.then((how) => {
      if (this.#child === child && !this.#isLeaving) this.#facts.onLost(how)
    })
  }

  /** Resolves when the life that was forked does what it is there for. */
  join(): Promise<void> {
    return this.#facts.join(this.child, this.#lives)
  }

  async kill(): Promise<void> {
    this.#isLeaving = true
    this.child.kill()
    await this.child.gone
  }

  /** Asks it to end, and sees that it does. */
  async stop(): Promise<void> {
    if (this.isFrozen)
      throw new Error(`${this.kind} ${this.name} is frozen and cannot stop by itself`)
    this.#isLeaving = true
    const { child } = this
    let isForced = false
    const force = setTimeout(() => {
      isForced = true
      child.kill()
    }, STOP_MS)
    child.signal('SIGTERM')
    await child.gone
    clearTimeout(force)
    if (isForced) {
      throw new Error(`${this.kind} ${this.name} did not stop within ${STOP_MS / 1_000} s`)
    }
  }

  /** Alive, sockets open, and nothing moves, until every freeze is over. */
  freeze(freeze: object): void {
    this.#freezes.add(freeze)
    this.child.signal('SIGSTOP')
  }

  unfreeze(freeze: object): void {
    if (this.#freezes.delete(freeze) && this.#freezes.size === 0) this.thaw()
  }

  thaw(): void {
    this.#freezes.clear()
    if (this.isUp) this.child.signal('SIGCONT')
  }
}
