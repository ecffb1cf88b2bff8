/** What goes round and round is told once, and how often it did. */

/** Longest round: a question and an answer at each of so many brokers. */
const MAX_ROUND = 6
/** Fewer rounds are told as they are. */
const LEAST_ROUNDS = 4

/** Of rounds of lines that differ in attempt and time only, the first and the last are kept. */
export const folded = (lines: readonly string[]): string[] => {
  const shapes = lines.map(shapeOf)
  const kept: string[] = []
  for (let at = 0; at < lines.length; ) {
    const { size, rounds } = longestAt(shapes, at)
    if (rounds < LEAST_ROUNDS) {
      kept.push(lines[at]!)
      at += 1
      continue
    }
    const end = at + size * rounds
    kept.push(...lines.slice(at, at + size))
    kept.push(`         the same ${rounds - 2} times more`)
    kept.push(...lines.slice(end - size, end))
    at = end
  }
  return kept
}

const shapeOf = (line: string): string =>
  line.replace(/^ *\d+/, '').replaceAll(/attempt \d+|\d+ ms/g, '*')

const longestAt = (shapes: readonly string[], at: number): { size: number; rounds: number } => {
  let best = { size: 1, rounds: 1 }
  for (let size = 1; size <= MAX_ROUND; size++) {
    let end = at + size
    while (end < shapes.length && shapes[end] === shapes[end - size]) end += 1
    const rounds = Math.floor((end - at) / size)
    if (rounds * size > best.rounds * best.size && rounds > 1) best = { size, rounds }
  }
  return best
}
