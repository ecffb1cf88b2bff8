import { BusError, invalid } from '../bus/errors.ts'
import type { Loop } from '../bus/io/loop.ts'
import type { Runtime } from '../bus/io/runtime.ts'
import { EVERY_TOPIC, type ForceOrder, MAX_WORDS, type OrderAnswer } from '../bus/order.ts'
import type { ForceOptions, ForceReport } from './api.ts'
import type { CircuitForcing, Circuits } from './circuits.ts'
import type { ClientCore } from './core/client-core.ts'
import type { Force } from './core/isolations.ts'
import { checkForce } from './options.ts'

/** A force order whose fields were checked. */
type CheckedForce = Omit<ForceOrder, 'instance' | 'idc'> & {
  instance?: string | undefined
  idc?: string | undefined
}

/** An operator's word about a circuit, so that it can be found by its id. */
interface CircuitWord {
  readonly topic: string
  readonly to: 'open' | 'closed'
  readonly until: number
  readonly reason: string
}

/** What operators overrule at this client, whether the user says so or an order from afar. */
export class Forces {
  readonly #runtime: Runtime
  readonly #core: ClientCore
  readonly #loop: Loop
  readonly #circuits: Circuits
  readonly #circuitWords = new Map<string, CircuitWord>()

  constructor(runtime: Runtime, core: ClientCore, loop: Loop, circuits: Circuits) {
    this.#runtime = runtime
    this.#core = core
    this.#loop = loop
    this.#circuits = circuits
  }

  /** The user's own word. */
  say(topic: string, options: ForceOptions): ForceReport {
    const { what, to, reason, forMs, instance, idc } = checkForce(options)
    if (what === 'circuit') {
      return { circuits: this.#circuits.force(topic, { to, reason, forMs }), queues: 0 }
    }
    const until = this.now() + forMs
    return { circuits: 0, queues: this.#force({ topic, instance, idc, to, reason, until }) }
  }

  /** An operator's word, as a broker passed it on. */
  order(order: CheckedForce): OrderAnswer {
    const { id, topic, what, to, reason, forMs, instance, idc } = order
    if (what === 'circuit') return { circuits: this.#orderCircuit(order), queues: 0 }
    const until = this.now() + forMs
    return { circuits: 0, queues: this.#force({ id, topic, instance, idc, to, reason, until }) }
  }

  now(): number {
    return this.#runtime.now()
  }

  #force(force: Force): number {
    let queues = 0
    this.#loop.post((now) => {
      queues = this.#core.requester.force(now, force)
    }, undefined)
    if (queues < 0) throw tooMany()
    return queues
  }

  #orderCircuit({ id, topic, to, reason, forMs, instance, idc }: CheckedForce): number {
    if (topic === EVERY_TOPIC) throw invalid('topic', 'must be one topic for a circuit', topic)
    if ((instance ?? idc) !== undefined) {
      throw invalid('instance and idc', 'are for queues: a circuit is around all of them')
    }
    const words = this.#circuitWords
    for (const [other, { until }] of words) if (until <= this.now()) words.delete(other)
    const isWord = to === 'open' || to === 'closed'
    const before = words.get(id)
    if (isWord && before === undefined && words.size >= MAX_WORDS) throw tooMany()
    words.delete(id)
    // The same word is about another topic now.
    if (before !== undefined && before.topic !== topic) {
      const under = this.#othersOf(before.topic)
      this.#circuits.force(before.topic, { to: 'auto', reason, forMs }, under)
    }
    const under = this.#othersOf(topic)
    if (isWord) words.set(id, { topic, to, until: this.now() + forMs, reason })
    return this.#circuits.force(topic, { to, reason, forMs }, under)
  }

  /** Words about the circuit of a topic, the newest first. */
  #othersOf(topic: string): CircuitForcing | undefined {
    let forcing: CircuitForcing | undefined
    for (const { topic: other, to, until, reason } of this.#circuitWords.values()) {
      if (other === topic) forcing = { to, until, reason, under: forcing }
    }
    return forcing
  }
}

const tooMany = (): BusError =>
  new BusError('invalid_argument', `${MAX_WORDS} words of operators hold already`, {
    details: { stage: 'requester', limit: MAX_WORDS },
  })
