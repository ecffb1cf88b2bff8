/** Plays a plan: warm-up, calls and faults, healing, quiet; with every checker looking on. */
import { BATCH_HEAD, checkedFrameEnd, Frame } from '../../bus/frame.ts'
import type { Checker, SeenRequest } from './checkers/checker.ts'
import { Violation } from './checkers/checker.ts'
import { CHECKERS } from './checkers/index.ts'
import { TOPIC } from './draw.ts'
import { Hurt } from './hurt.ts'
import type { Plan } from './plan.ts'
import { Scene } from './scene.ts'
import { seenIn } from './sometimes.ts'
import type { Direction } from './world/direction.ts'

/** Checkers look on so often; while nothing happens but healing, less often. */
const TICK_MS = 50
const HEALING_TICK_MS = 250
/** By then leases of before the healing are over, brokers vote, and links are dialled again. */
const HEALED_MS = 10_000
/** A question to a registry whose answer was lost is asked again only after 25 s. */
const LEARNT_MS = 30_000
const PROBE_MS = 1_000

/** What came of a plan. */
export interface Outcome {
  readonly violation: Violation | undefined
  /** Things that happened in the world, and a digest of them all. */
  readonly events: number
  readonly digest: string
  /** Which of the things that must sometimes happen did. */
  readonly seen: readonly string[]
}

export const playPlan = (plan: Plan): Outcome => new Player(plan).play()

class Player {
  readonly #plan: Plan
  readonly #scene: Scene
  readonly #hurt: Hurt
  readonly #checkers: readonly Checker[]
  /** Those of them that look at every request, and those that look on while time passes. */
  readonly #readers: readonly Checker[]
  readonly #watchers: readonly Checker[]

  constructor(plan: Plan) {
    this.#plan = plan
    let checkers: readonly Checker[] = []
    this.#scene = new Scene(plan, {
      settled: (asked) => {
        for (const checker of checkers) checker.onSettled?.(asked)
      },
      begun: (begun) => {
        for (const checker of checkers) checker.onBegun?.(begun)
      },
    })
    checkers = CHECKERS.map((checkerOf) => checkerOf(this.#scene))
    this.#checkers = checkers
    this.#readers = checkers.filter(({ onRequest }) => onRequest !== undefined)
    this.#watchers = checkers.filter(({ onTick }) => onTick !== undefined)
    this.#hurt = new Hurt(this.#scene)
    this.#scene.world.onBatch = (client, broker, way, bytes) => {
      this.#onBatch({ way, client, broker, bytes })
    }
  }

  play(): Outcome {
    let violation: Violation | undefined
    try {
      this.#run()
    } catch (error) {
      violation = error instanceof Violation ? error : asViolation(error)
    }
    const { events, digest } = this.#scene.world
    return { violation, events, digest, seen: seenIn(this.#scene) }
  }

  #run(): void {
    const { world } = this.#scene
    const { warmMs, chaosMs, events } = this.#plan
    this.#pass(warmMs)
    for (const event of events) {
      world.after(event.at, () => {
        if (event.kind === 'call') this.#scene.ask(event)
        else this.#hurt.do(event.fault)
      })
    }
    this.#pass(chaosMs)
    this.#hurt.heal()
    const isLearning = this.#plan.nature.registries > 0
    this.#pass(HEALED_MS + (isLearning ? LEARNT_MS : 0), HEALING_TICK_MS)
    this.#probe()
    for (const checker of this.#checkers) checker.onHealed?.()
    for (const checker of this.#checkers) checker.onQuiet?.()
  }

  /** Healed, it works again for everybody. */
  #probe(): void {
    for (const client of this.#scene.clients('requester')) {
      const { by, call } = this.#scene.probe(client, TOPIC, PROBE_MS)
      // One at a time: queues may be small.
      for (let ms = 0; ms <= PROBE_MS && !call.isSettled; ms += TICK_MS) this.#pass(TICK_MS)
      if (call.end === 'reply') continue
      throw new Violation('works again', `${by.name}: ${call.end} ${call.error?.message ?? ''}`)
    }
  }

  #pass(ms: number, tickMs = TICK_MS): void {
    const { world } = this.#scene
    for (const until = world.now + ms; world.now < until; ) {
      world.run(Math.min(tickMs, until - world.now))
      for (const checker of this.#watchers) checker.onTick!()
    }
  }

  #onBatch({ bytes, ...rest }: Omit<SeenRequest, 'at' | 'end'> & { way: Direction }): void {
    for (let at = BATCH_HEAD; at < bytes.length; ) {
      const end = checkedFrameEnd(bytes, at)
      if (bytes[at + 4] === Frame.request) {
        const request = { ...rest, bytes, at, end }
        for (const checker of this.#readers) checker.onRequest!(request)
      }
      at = end
    }
  }
}

/** A core that throws has failed as much as one that does the wrong thing. */
const asViolation = (error: unknown): Violation => {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error))
  const where = stack.split('\n').slice(1, 4).join(' ').replaceAll(/\s+/g, ' ')
  return new Violation('does not throw', `${message} ${where}`)
}
