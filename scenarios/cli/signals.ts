/**
 * SIGINT and SIGTERM: the first one ends a command with care, a later one at once. A process that
 * another one forked also ends when that one is gone, however it went.
 */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const
/** Launchers pass a signal on that the terminal has sent already: those are one. */
const SAME_SIGNAL_MS = 300
/** How long a process may take to end once the one that forked it is gone. */
const ORPHAN_MS = 10_000
/** Longest delay of a timer. */
const FOREVER_MS = 2 ** 31 - 1

/** Calls `onSignal` at the first signal; a later one ends the process. */
export const onFirstSignal = (onSignal: () => void): void => {
  let firstAt: number | undefined
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (firstAt === undefined) {
        firstAt = performance.now()
        onSignal()
      } else if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(1)
    })
  }
}

/** Calls `onGone` when the process that forked this one is gone, even if it was killed. */
const onParentGone = (onGone: () => void): void => {
  if (process.send === undefined) return
  const leave = (): void => {
    // Nobody is left to end a process that hangs while it ends.
    setTimeout(() => process.exit(1), ORPHAN_MS).unref()
    onGone()
  }
  process.once('disconnect', leave)
  // To listen holds a process; this one ends when its work is done.
  process.channel?.unref()
  // It may be gone since before there was a listener.
  if (!process.connected) leave()
}

/** Does work that may wait for the first signal; holds the process only as long as the work takes. */
export const withSignal = async (
  work: (signalled: Promise<undefined>) => Promise<void>,
): Promise<void> => {
  const signalled = new Promise<undefined>((resolve) => {
    onFirstSignal(() => resolve(undefined))
    onParentGone(() => resolve(undefined))
  })
  // Neither a signal handler nor a promise holds a process that waits to reconnect.
  const hold = setInterval(() => {}, FOREVER_MS)
  try {
    await work(signalled)
  } finally {
    clearInterval(hold)
  }
}
