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
    const gate = this.#circuits.size === 0 ? 'free' : this.#circuits.gate(topic)
    const cancel = (): void => this.#cancel(caller)
    if (gate === 'free') this.#begin(caller, options?.signal)
    else if (gate === 'probe') this.#probe(caller, options?.signal)
    else if (BusError.is(gate)) caller.fail(gate)
    else {
      caller.isTrial = true
      const trial = gate.fire(() => {
        this.#begin(caller, options?.signal)
        return caller.promise
      })
      const promise = trial.catch((error: unknown) => {
        throw this.#circuits.translate(topic, error)
      })
      return { promise, cancel }
    }
    return { promise: caller.promise, cancel }
  }

  /** A call has ended: its circuit wants to know. */
  settled(future: RequestResponseFuture, error: unknown): void {
    if (this.#circuits.size === 0 && error === undefined) return
    if (callerOf(future).isTrial) return
    const { topic } = future.facts
    if (error === undefined) this.#circuits.succeed(topic)
    else this.#circuits.fail(topic, error, () => future.topic.replies.at(this.#defaults.now()))
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
    caller.future = this.#core.request(now, caller.facts, caller)
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
