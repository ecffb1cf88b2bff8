/** SIGINT and SIGTERM: the first one ends a command with care, the second one at once. */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const
/** Longest delay of a timer. */
const FOREVER_MS = 2 ** 31 - 1

/** Calls `onSignal` at the first signal; a second one ends the process. Returns the way to stop. */
export const onFirstSignal = (onSignal: () => void): (() => void) => {
  let isTold = false
  const listener = (): void => {
    if (isTold) process.exit(1)
    isTold = true
    onSignal()
  }
  for (const signal of SIGNALS) process.on(signal, listener)
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener)
  }
}

/** Waits for the first signal, and keeps the process alive until then. */
export const untilSignal = (): Promise<void> =>
  new Promise((resolve) => {
    // Neither a signal handler nor a promise holds a process that waits to reconnect.
    const hold = setInterval(() => {}, FOREVER_MS)
    onFirstSignal(() => {
      clearInterval(hold)
      resolve()
    })
  })
