/** An independent account of what ran, kept apart from every core: who started which call. */
export interface Execution {
  readonly call: string
  readonly instance: string
  readonly startedAt: number
  endedAt: number
}

export class Ledger {
  readonly #byCall = new Map<string, Execution[]>()

  start(call: string, instance: string, startedAt: number): Execution {
    const execution = { call, instance, startedAt, endedAt: -1 }
    const known = this.#byCall.get(call)
    if (known === undefined) this.#byCall.set(call, [execution])
    else known.push(execution)
    return execution
  }

  of(call: string): readonly Execution[] {
    return this.#byCall.get(call) ?? []
  }

  get total(): number {
    let count = 0
    for (const executions of this.#byCall.values()) count += executions.length
    return count
  }
}
