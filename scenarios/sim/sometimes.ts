/** What must be seen sometimes: a history in which nothing happens proves nothing. */
import type { Scene } from './scene.ts'
import { SOMETIMES } from './sometimes-list.ts'

/** Which of the properties were seen in this history. */
export const seenIn = (scene: Scene): string[] =>
  SOMETIMES.filter(({ isSeen }) => isSeen(scene)).map(({ name }) => name)

/** Those that no history has shown. */
export const unseenOf = (seen: ReadonlySet<string>): string[] =>
  SOMETIMES.map(({ name }) => name).filter((name) => !seen.has(name))
