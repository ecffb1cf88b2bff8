import { setTimeout as sleep } from 'node:timers/promises'

/** What is being asked, if it comes within so long and is no failure; it is not waited for any longer. */
export const inTime = async <T>(asking: Promise<T>, withinMs: number): Promise<T | undefined> => {
  const stop = new AbortController()
  const late = sleep(withinMs, undefined, { signal: stop.signal }).catch(() => undefined)
  try {
    return await Promise.race([asking, late])
  } catch {
    return undefined
  } finally {
    stop.abort()
  }
}
