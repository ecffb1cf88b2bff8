/** SIGINT and SIGTERM: the first one ends a command with care, a later one at once. */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const
/** Launchers pass a signal on that the terminal has sent already: those are one. */
const SAME_SIGNAL_MS = 300
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

/** Does work that may wait for the first signal; holds the process only as long as the work takes. */
export const withSignal = async (
  work: (signalled: Promise<undefined>) => Promise<void>,
): Promise<void> => {
  const signalled = new Promise<undefined>((resolve) => onFirstSignal(() => resolve(undefined)))
  // Neither a signal handler nor a promise holds a process that waits to reconnect.
  const hold = setInterval(() => {}, FOREVER_MS)
  try {
    await work(signalled)
  } finally {
    clearInterval(hold)
  }
}
