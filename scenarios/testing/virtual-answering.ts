import type { Answering, CloseOptions, CloseReport } from '../../rr-client/index.ts'

/** The handle on a topic that is answered: the real one, for whose close the world's time moves. */
export class VirtualAnswering implements Answering {
  readonly #answering: Answering
  readonly #close: (options?: CloseOptions) => Promise<CloseReport>

  constructor(answering: Answering, close: (options?: CloseOptions) => Promise<CloseReport>) {
    this.#answering = answering
    this.#close = close
  }

  get topic(): string {
    return this.#answering.topic
  }

  get group(): string {
    return this.#answering.group
  }

  get queues(): number {
    return this.#answering.queues
  }

  close(options?: CloseOptions): Promise<CloseReport> {
    return this.#close(options)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close().then(() => {})
  }
}
