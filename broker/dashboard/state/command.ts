/** The command that does the same in a terminal. */

export const DEFAULT_ADMIN = 'http://127.0.0.1:7480'

/** As a shell takes it for one word. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

/** `admin`: where the page came from. */
export const commandText = (admin: string, words: readonly string[]): string => {
  const where = admin === DEFAULT_ADMIN ? [] : ['--admin', admin]
  return ['finbus', ...words, ...where].map(shellWord).join(' ')
}

/** 60s, 5m, 1h: as `--for` takes it. */
export const durationWord = (ms: number): string => {
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000}h`
  if (ms % 60_000 === 0 && ms > 60_000) return `${ms / 60_000}m`
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`
}
