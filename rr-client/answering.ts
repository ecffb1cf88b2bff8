import type { BusError } from '../bus/errors.ts'
import type { Answering, CloseOptions, CloseReport } from './api.ts'
import type { Registration } from './core/registration.ts'
import { checkClose } from './options.ts'

/** The user's handle on a topic that is answered. */
export class AnsweringHandle implements Answering {
  readonly topic: string
  readonly group: string
  /** Settles when the first queue takes requests, or a broker refuses the registration. */
  readonly declared: Promise<void>
  registration: Registration | undefined
  readonly #close: (timeoutMs: number) => Promise<CloseReport>
  #closing: Promise<CloseReport> | undefined
  #resolve: () => void = () => {}
  #reject: (error: BusError) => void = () => {}

  constructor(topic: string, group: string, close: (timeoutMs: number) => Promise<CloseReport>) {
    this.topic = topic
    this.group = group
    this.#close = close
    this.declared = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // A refusal after the topic was declared once is told by `status()`, not by this promise.
    this.declared.catch(() => {})
  }

  get queues(): number {
    return this.registration?.queues.size ?? 0
  }

  onDeclared(error: BusError | undefined): void {
    if (error === undefined) this.#resolve()
    else this.#reject(error)
  }

  close(options: CloseOptions = {}): Promise<CloseReport> {
    if (this.#closing !== undefined) return this.#closing
    try {
      this.#closing = this.#close(checkClose(options))
      return this.#closing
    } catch (error) {
      return Promise.reject(error)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close().then(() => {})
  }
}
