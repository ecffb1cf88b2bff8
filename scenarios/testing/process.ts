import { AsyncLocalStorage } from 'node:async_hooks'
import type { Runtime, TimedCircuit, Timer } from '../../bus/io/runtime.ts'
import type { Prng } from '../../bus/prng.ts'
import { Phase, type Plan } from './agenda.ts'
import type { Abandon, VirtualTime, Wait } from './virtual-time.ts'

const MOST = 2 ** 31 - 1
/** Ids have at most 64 characters. */
const MAX_NAME_IN_ID = 48

/** A timer that a frozen process may find due when it goes on. */
interface ProcessTimer {
  plan: Plan | undefined
  isOff: boolean
}

/** What a process needs of the world. */
export interface Surroundings {
  readonly time: VirtualTime
  readonly prng: Prng
  /** A number for whatever is called `name`, never given twice. */
  nextNumber(name: string): number
}

const here = new AsyncLocalStorage<Process>()

/** The process whose handler is running; undefined in the test's own code. */
export const processHere = (): Process | undefined => here.getStore()

/**
 * One process of the world: the time, turns and chance that a client or a broker in it lives by.
 * Frozen, it finds everything that became due or readable when it goes on; dead, it never does.
 */
export class Process {
  readonly name: string
  readonly idc: string
  readonly runtime: Runtime
  readonly #world: Surroundings
  readonly #waits = new Set<Wait>()
  #state: 'running' | 'frozen' | 'dead' = 'running'
  #piled: { phase: number; act: () => void }[] = []

  constructor(world: Surroundings, name: string, idc: string) {
    this.#world = world
    this.name = name
    this.idc = idc
    const id = (): string => {
      const short = name.slice(0, MAX_NAME_IN_ID)
      return `${short}.instance-${world.nextNumber(short)}`
    }
    this.runtime = {
      now: () => world.time.now,
      fineNow: () => world.time.now,
      setTimer: (task, ms) => this.#setTimer(task, ms),
      clearTimer: (timer) => clear(timer as ProcessTimer | undefined),
      setTicker: (task, ms) => this.#setTicker(task, ms),
      soon: (task) => {
        this.at(0, Phase.soon, task)
      },
      newId: id,
      newSecret: () => `secret-${world.prng.u32()}-${world.prng.u32()}`,
      newLife: () => 1 + world.prng.below(MOST),
      newSeed: () => world.prng.below(MOST),
      adopt: (circuit) => adopt(circuit, this.runtime),
    }
  }

  get isFrozen(): boolean {
    return this.#state === 'frozen'
  }

  get isDead(): boolean {
    return this.#state === 'dead'
  }

  /** Something happens to this process after so long. */
  at(afterMs: number, phase: number, act: () => void): Plan {
    return this.#world.time.at(afterMs, phase, () => this.#meet(phase, act))
  }

  /** Runs a handler's code, so that its waits are known for this process's. */
  run<R>(work: () => R): R {
    this.#world.time.wake()
    return here.run(this, work)
  }

  /** Time moves until `end`, or the death of this process. */
  wait(what: string, ms: number, abandon: Abandon): Wait {
    const wait = this.#world.time.wait(what, ms, (why) => {
      abandon(this.#state === 'frozen' ? `${why}: ${this.name} is frozen` : why)
    })
    this.#waits.add(wait)
    return wait
  }

  end(wait: Wait): void {
    this.#waits.delete(wait)
    this.#world.time.end(wait)
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen'
  }

  /** What fell due meanwhile comes first, then what can be read, as with a process that was stopped. */
  thaw(): void {
    if (this.#state !== 'frozen') return
    this.#state = 'running'
    const piled = this.#piled
    this.#piled = []
    for (const { phase, act } of piled) this.at(0, phase, act)
  }

  die(): void {
    this.#state = 'dead'
    this.#piled = []
    for (const wait of this.#waits) this.#world.time.end(wait)
    this.#waits.clear()
  }

  #meet(phase: number, act: () => void): void {
    if (this.#state === 'running') act()
    else if (this.#state === 'frozen') this.#piled.push({ phase, act })
  }

  #setTimer(task: () => void, ms: number): Timer {
    const timer: ProcessTimer = { plan: undefined, isOff: false }
    timer.plan = this.at(Math.max(1, ms), Phase.timer, () => {
      if (!timer.isOff) task()
    })
    return timer
  }

  #setTicker(task: () => void, ms: number): Timer {
    const timer: ProcessTimer = { plan: undefined, isOff: false }
    const tick = (): void => {
      if (timer.isOff) return
      timer.plan = this.at(ms, Phase.timer, tick)
      task()
    }
    timer.plan = this.at(ms, Phase.timer, tick)
    return timer
  }
}

const clear = (timer: ProcessTimer | undefined): void => {
  if (timer === undefined) return
  timer.isOff = true
  if (timer.plan !== undefined) timer.plan.isOff = true
}

/**
 * opossum takes its reset timer from the global `setTimeout`, and offers no other way. While it opens
 * the circuit, and only until it has asked once, it gets a timer of the process instead. Its own
 * `clearTimeout` knows nothing of that timer, so whatever ends it ends it here as well.
 */
const adopt = (circuit: TimedCircuit, runtime: Runtime): void => {
  const open = circuit.open.bind(circuit)
  const close = circuit.close.bind(circuit)
  const shutdown = circuit.shutdown.bind(circuit)
  let timer: Timer | undefined
  circuit.open = () => {
    const given = globalThis.setTimeout
    const once = (task: () => void, ms: number): Timer => {
      globalThis.setTimeout = given
      timer = runtime.setTimer(task, ms)
      return timer
    }
    globalThis.setTimeout = once as unknown as typeof setTimeout
    try {
      open()
    } finally {
      globalThis.setTimeout = given
    }
  }
  circuit.close = () => {
    runtime.clearTimer(timer)
    close()
  }
  circuit.shutdown = () => {
    runtime.clearTimer(timer)
    shutdown()
  }
}
