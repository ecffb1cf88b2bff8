import { BusError } from '../bus/errors.ts'
import type { Runtime, Timer } from '../bus/io/runtime.ts'

interface Inspection {
  pieces: Buffer[]
  resolve: (value: unknown) => void
  reject: (error: BusError) => void
  timer: Timer
}

/** Questions to a broker about itself, whose answers come in pieces. */
export class Inspections {
  readonly #open = new Map<number, Inspection>()
  readonly #runtime: Runtime
  #nextId = 1

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  ask(timeoutMs: number, send: (id: number) => void): Promise<unknown> {
    const id = this.#nextId
    this.#nextId += 1
    return new Promise((resolve, reject) => {
      const timer = this.#runtime.setTimer(() => {
        this.#open.delete(id)
        reject(new BusError('deadline_exceeded', 'the broker did not answer the inspection'))
      }, timeoutMs)
      this.#open.set(id, { pieces: [], resolve, reject, timer })
      send(id)
    })
  }

  take(id: number, piece: Buffer, isLast: boolean): void {
    const inspection = this.#open.get(id)
    if (inspection === undefined) return
    inspection.pieces.push(piece)
    if (!isLast) return
    this.#open.delete(id)
    this.#runtime.clearTimer(inspection.timer)
    const json = Buffer.concat(inspection.pieces).toString('utf8')
    const answer = JSON.parse(json) as { ok?: unknown; error?: string }
    if (answer.error === undefined) inspection.resolve(answer.ok)
    else inspection.reject(new BusError('forbidden', answer.error))
  }

  close(): void {
    for (const { reject, timer } of this.#open.values()) {
      this.#runtime.clearTimer(timer)
      reject(new BusError('not_connected', 'this bus is closed'))
    }
    this.#open.clear()
  }
}
