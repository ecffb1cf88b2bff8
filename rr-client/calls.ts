import { BusError } from '../bus/errors.ts'
import type { Loop } from '../bus/io/loop.ts'
import { checkTopic } from '../bus/names.ts'
import type { RequestOptions } from './api.ts'
import { type CallDefaults, callFacts } from './call-facts.ts'
import { Caller } from './caller.ts'
import type { Circuits } from './circuits.ts'
import { closedError } from './client-errors.ts'
import type { Context, NestedCall } from './context.ts'
import type { ClientCore } from './core/client-core.ts'
import { correlationIdOf } from './core/failure.ts'
import type { CallFacts, CallTracer, RequestResponseFuture } from './core/future.ts'
import { isCallTraced, traceCall } from './traced-call.ts'

/** Topics whose names were found good, so that each is looked at once. */
const MAX_CHECKED = 50_000

/** Every call, of users and of handlers, from its arguments through the circuit to the core. */
export class Calls {
  readonly #defaults: CallDefaults
  readonly #core: ClientCore
  readonly #loop: Loop
  readonly #circuits: Circuits
  readonly #checked = new Set<string>()

  constructor(defaults: CallDefaults, core: ClientCore, loop: Loop, circuits: Circuits) {
    this.#defaults = defaults
    this.#core = core
    this.#loop = loop
    this.#circuits = circuits
  }

  /** What is wrong with a call rejects; nothing is thrown. */
  call(
    topic: string,
    body: unknown,
    options: RequestOptions | undefined,
    parent: Context | undefined,
  ): NestedCall {
    if (!isCallTraced()) return this.#call(topic, body, options, parent, undefined)
    return traceCall(this.#defaults, topic, options, parent, (told, tracer) =>
      this.#call(topic, body, told, parent, tracer),
    )
  }

  #call(
    topic: string,
    body: unknown,
    options: RequestOptions | undefined,
    parent: Context | undefined,
    tracer: CallTracer | undefined,
  ): NestedCall {
    let facts: CallFacts
    try {
      // The loop of a closed bus runs no step: the call would never be settled.
      if (this.#core.state.phase === 'closed') throw closedError()
      if (!this.#checked.has(topic)) this.#checkTopic(topic)
      facts = callFacts(this.#defaults, topic, body, options, parent)
      facts.tracer = tracer
    } catch (error) {
      return { promise: Promise.reject(error), cancel: () => {} }
    }
    const caller = new Caller(facts, this.#defaults.codec)
    caller.onAccepted = options?.onAccepted
    const gate = this.#circuits.size === 0 ? 'free' : this.#circuits.gate(topic)
    const cancel = (): void => this.#cancel(caller)
    if (gate === 'free') this.#begin(caller, options?.signal)
    else if (gate === 'probe') this.#probe(caller, options?.signal)
    else if (BusError.is(gate)) {
      caller.fail(gate)
      this.#rejected(topic, gate)
    } else {
      caller.isTrial = true
      const trial = gate.fire(() => {
        this.#begin(caller, options?.signal)
        return caller.promise
      })
      const promise = trial.catch((error: unknown) => {
        const rejection = this.#circuits.rejectionIn(topic, error)
        if (rejection === undefined) throw error
        this.#rejected(topic, rejection)
        throw rejection
      })
      return { promise, cancel }
    }
    return { promise: caller.promise, cancel }
  }

  /** A call has ended: it is counted, and its circuit wants to know. */
  settled(future: RequestResponseFuture, error: unknown): void {
    const { tally } = future.topic
    tally.settled(error)
    const caller = callerOf(future)
    if (caller.isTimed) {
      // Half an hour and more does not fit into the short way to count.
      const us = future.isLong
        ? (this.#defaults.now() - future.startedAt) * 1_000
        : (this.#loop.stepUs - caller.beganUs) | 0
      tally.took(us)
    }
    if (this.#circuits.size === 0 && error === undefined) return
    if (caller.isTrial) return
    const { topic } = future.facts
    if (error === undefined) this.#circuits.succeed(topic)
    else this.#circuits.fail(topic, error, () => future.topic.replies.at(this.#defaults.now()))
  }

  /** A circuit has stopped a call before it was one; it is counted all the same. */
  #rejected(topic: string, error: BusError): void {
    this.#loop.post(
      (now) => this.#core.requester.topics.used(now, topic).tally.settled(error),
      topic,
    )
  }

  #begin(caller: Caller, signal: AbortSignal | undefined): void {
    if (signal !== undefined) caller.listen(signal, this.#cancel)
    this.#loop.post(this.#requestStep, caller)
  }

  /** An operator let it through an open circuit: if it succeeds the circuit closes. */
  #probe(caller: Caller, signal: AbortSignal | undefined): void {
    caller.isTrial = true
    caller.promise.then(
      () => this.#circuits.restore(caller.facts.topic),
      () => {},
    )
    this.#begin(caller, signal)
  }

  readonly #requestStep = (now: number, caller: Caller): void => {
    if (this.#core.state.trace !== undefined) {
      caller.isTimed = true
      caller.beganUs = this.#loop.stepUs
    }
    caller.future = this.#core.request(now, caller.facts, caller)
    if (caller.onAccepted !== undefined) this.#tell(caller, caller.future)
  }

  /** A user's code runs outside the loop, and its defects are not the bus's. */
  #tell({ onAccepted }: Caller, future: RequestResponseFuture): void {
    if (future.counter === 0) return
    const id = correlationIdOf(this.#core.state.facts.instance, future)
    Promise.resolve(id)
      .then(onAccepted)
      .catch((error: unknown) => this.#defaults.onUserError('onAccepted', error))
  }

  readonly #cancel = (caller: Caller): void => {
    this.#loop.post((now) => {
      if (caller.future !== undefined) this.#core.requester.cancel(now, caller.future)
    }, caller)
  }

  #checkTopic(topic: string): void {
    checkTopic(topic)
    if (this.#checked.size < MAX_CHECKED) this.#checked.add(topic)
  }
}

export const callerOf = (future: RequestResponseFuture): Caller => future.caller as Caller
