/** The nearest known word to a mistyped one, for errors that help. */

/** Edits (insert, delete, replace) between two words; Wagner and Fischer's table, one row kept. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** The known word nearest to `word`, or undefined when none is near (more than half must change). */
export const nearest = (word: string, known: readonly string[]): string | undefined => {
  let best: string | undefined
  const typed = word.slice(0, 64).toLowerCase()
  let least = Math.max(2, Math.floor(typed.length / 2)) + 1
  for (const candidate of known) {
    const edits = distance(typed, candidate.toLowerCase())
    if (edits < least) {
      least = edits
      best = candidate
    }
  }
  return best
}

/** ` (did you mean x?)`, or nothing. */
export const didYouMean = (word: string, known: readonly string[]): string => {
  const near = nearest(word, known)
  return near === undefined ? '' : ` (did you mean ${near}?)`
}
