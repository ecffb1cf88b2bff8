import type { Asked, Begun, Scene } from '../scene.ts'
import type { ClientNode } from '../world/client-node.ts'

/** A request as it arrives: at a broker (`up`) or at a responder (`down`). */
export interface SeenRequest {
  readonly way: 'up' | 'down'
  readonly client: ClientNode
  readonly broker: string
  readonly bytes: Buffer
  /** Where its frame begins and ends in `bytes`. */
  readonly at: number
  readonly end: number
}

/** One thing that must be true of every history. Each throws `Violation` where it is not. */
export interface Checker {
  readonly name: string
  onSettled?(asked: Asked): void
  /** A handler has begun. */
  onBegun?(begun: Begun): void
  onRequest?(request: SeenRequest): void
  /** Every 50 ms while things happen, and now and then while all heals. */
  onTick?(): void
  /** All was healed some time ago, and it works. */
  onHealed?(): void
  /** Nothing is under way any more. */
  onQuiet?(): void
}

export type CheckerOf = (scene: Scene) => Checker

export class Violation extends Error {
  override readonly name = 'Violation'
  readonly checker: string

  constructor(checker: string, message: string) {
    super(message)
    this.checker = checker
  }
}
