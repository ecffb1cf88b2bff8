import type { RegistryAnswer } from '../../../bus/registry-answer.ts'
import { hostOf } from './address.ts'
import { Rank } from './agenda.ts'
import type { Direction, Directions } from './direction.ts'
import type { Node } from './node.ts'
import type { RegistryNode, RegistryQuestion } from './registry-node.ts'
import type { Surroundings } from './surroundings.ts'

export interface HttpWorld extends Surroundings {
  readonly registries: ReadonlyMap<string, RegistryNode>
  readonly latencyMs: number
}

/** What becomes of a question: an answer, or why there is none. */
export type Told = (answer: RegistryAnswer | string) => void

/** What is done to the way between a process and a registry. */
interface Harm {
  isParted: boolean
  isUpHeld: boolean
  isDownHeld: boolean
}

const UNHURT: Harm = { isParted: false, isUpHeld: false, isDownHeld: false }

/** Questions of clients and brokers to registries: one answer each, or none in time. */
export class VirtualHttp {
  readonly #world: HttpWorld
  readonly #harms = new Map<string, Harm>()
  readonly #open = new Set<Question>()
  /** The share of questions and of answers that get lost. */
  loss = 0

  constructor(world: HttpWorld) {
    this.#world = world
  }

  /** Questions that are not answered yet. */
  get open(): number {
    return this.#open.size
  }

  ask(by: Node, url: string, question: RegistryQuestion, timeoutMs: number, told: Told): void {
    const world = this.#world
    const name = hostOf(url)
    const asked = new Question(by, name, told, () => this.#open.delete(asked))
    this.#open.add(asked)
    world.at(by.clock.worldMs(timeoutMs), Rank.due, () => {
      asked.settle(`no answer within ${timeoutMs} ms`)
    })
    const registry = world.registries.get(name)
    if (this.#harmOf(by, name).isParted || registry?.isAlive !== true) {
      world.at(this.#takesMs(), Rank.read, () => asked.settle('refused'))
      return
    }
    if (this.#isLost(by, name, 'up')) return
    world.at(this.#takesMs(), Rank.read, () => {
      if (!registry.isAlive) asked.settle('refused')
      else registry.onQuestion(question, (answer) => this.#reply(asked, answer))
    })
  }

  /** Nobody there: the open questions fail at once, later ones too, until `heal`. */
  part(by: Node, registry: string): void {
    this.#hurt(by, registry, { isParted: true })
    for (const asked of this.#open) {
      if (asked.by === by && asked.registry === registry) asked.settle('reset')
    }
  }

  /** Questions, or answers, or both, get lost, until `heal`. */
  hold(by: Node, registry: string, way: Directions): void {
    const isUpHeld = way !== 'down'
    this.#hurt(by, registry, { ...(isUpHeld ? { isUpHeld } : {}), isDownHeld: way !== 'up' })
  }

  heal(by: Node, registry: string): void {
    this.#harms.delete(keyOf(by, registry))
  }

  healAll(): void {
    this.#harms.clear()
    this.loss = 0
  }

  /** The registry is dead: those who wait for it hear of that. */
  onDead(registry: string): void {
    for (const asked of this.#open) {
      if (asked.registry !== registry) continue
      this.#world.at(this.#takesMs(), Rank.read, () => asked.settle('reset'))
    }
  }

  #reply(asked: Question, answer: RegistryAnswer): void {
    if (this.#isLost(asked.by, asked.registry, 'down')) return
    this.#world.at(this.#takesMs(), Rank.read, () => asked.settle(answer))
  }

  #hurt(by: Node, registry: string, harm: Partial<Harm>): void {
    this.#harms.set(keyOf(by, registry), { ...this.#harmOf(by, registry), ...harm })
  }

  #harmOf(by: Node, registry: string): Harm {
    return this.#harms.get(keyOf(by, registry)) ?? UNHURT
  }

  #isLost(by: Node, registry: string, way: Direction): boolean {
    const { isUpHeld, isDownHeld } = this.#harmOf(by, registry)
    if (way === 'up' ? isUpHeld : isDownHeld) return true
    return this.loss > 0 && this.#world.nature.chance(this.loss)
  }

  #takesMs(): number {
    const { latencyMs, jitterMs, nature } = this.#world
    return latencyMs + (jitterMs > 0 ? nature.below(jitterMs + 1) : 0)
  }
}

/** One question under way. */
class Question {
  readonly by: Node
  readonly registry: string
  readonly #told: Told
  readonly #onEnd: () => void
  #isOver = false

  constructor(by: Node, registry: string, told: Told, onEnd: () => void) {
    this.by = by
    this.registry = registry
    this.#told = told
    this.#onEnd = onEnd
  }

  settle(answer: RegistryAnswer | string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onEnd()
    this.#told(answer)
  }
}

const keyOf = ({ name }: Node, registry: string): string => `${name} ${registry}`
