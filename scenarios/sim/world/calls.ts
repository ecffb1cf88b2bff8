import type { BusError } from '../../../bus/errors.ts'
import type { RequestResponseFuture } from '../../../rr-client/core/future.ts'

/** What a virtual caller asks for. */
export interface CallAsk {
  topic?: string
  body?: string
  timeoutMs?: number
  idempotent?: boolean
  key?: string
  waitForResponder?: boolean
  headers?: Record<string, string>
  /** The label it carries. */
  label?: string
  /** Made inside a handler, or coming back to a topic on its own path. */
  nested?: boolean
  loop?: boolean
}

export type Settlement =
  | { at: number; kind: 'reply'; replyKind: number; body: string }
  | { at: number; kind: 'error'; error: BusError }

/** One call as its caller sees it. */
export class VirtualCall {
  readonly ask: CallAsk
  readonly startedAt: number
  readonly timeoutMs: number
  future: RequestResponseFuture | undefined
  /** Must never hold more than one. */
  readonly settlements: Settlement[] = []
  onSettled: (call: VirtualCall) => void = () => {}

  constructor(ask: CallAsk, startedAt: number, timeoutMs: number) {
    this.ask = ask
    this.startedAt = startedAt
    this.timeoutMs = timeoutMs
  }

  get body(): string {
    return this.ask.body ?? ''
  }

  get isSettled(): boolean {
    return this.settlements.length > 0
  }

  /** The reply's body, or undefined. */
  get reply(): string | undefined {
    const first = this.settlements[0]
    return first?.kind === 'reply' ? first.body : undefined
  }

  get error(): BusError | undefined {
    const first = this.settlements[0]
    return first?.kind === 'error' ? first.error : undefined
  }

  /** Milliseconds from the start to the settlement; -1 before it. */
  get tookMs(): number {
    const first = this.settlements[0]
    return first === undefined ? -1 : first.at - this.startedAt
  }

  /** `reply`, or code and outcome of the error: for one look at many calls. */
  get end(): string {
    const first = this.settlements[0]
    if (first === undefined) return 'open'
    return first.kind === 'reply' ? 'reply' : `${first.error.code} ${first.error.outcome}`
  }

  settle(settlement: Settlement): void {
    this.settlements.push(settlement)
    this.onSettled(this)
  }
}
