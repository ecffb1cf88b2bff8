import type { CallAsk, VirtualCall } from './calls.ts'

/** A handler that has started: what it may do. */
export interface Execution {
  readonly body: string
  readonly topic: string
  readonly attempt: number
  /** Until its caller gives up, by this process's clock. */
  remainingMs(): number
  /** Why its signal aborted, once it has. */
  readonly aborted: () => string | undefined
  /** Answers after so long. */
  reply(afterMs: number, body: string): void
  /** Throws after so long. */
  fail(afterMs: number): void
  /** A nested call. */
  call(ask: CallAsk, onSettled: (call: VirtualCall) => void): VirtualCall
}

export type Handler = (execution: Execution) => void

/** Echoes the body with the name of the instance's choice after so long. */
export const replies =
  (afterMs = 1): Handler =>
  (execution) =>
    execution.reply(afterMs, `re:${execution.body}`)

export const throws =
  (afterMs = 1): Handler =>
  (execution) =>
    execution.fail(afterMs)

export const neverReplies: Handler = () => {}
