/**
 * A planted bug: a few lines of the compiled program that are replaced when they are loaded, in a
 * process of its own. The program itself knows nothing of it, and no switch is ever shipped.
 */
export interface Plant {
  readonly name: string
  /** What of WIRE-SAFETY or of the promises is taken away. */
  readonly what: string
  readonly edits: readonly Edit[]
}

export interface Edit {
  /** A compiled file, from the root of the build. */
  readonly file: string
  /** Text that is there exactly once, and what stands there instead. */
  readonly find: string
  readonly put: string
}

/** The text with the bug in it. Throws when the place is not found: the program has changed. */
export const planted = (source: string, { file, find, put }: Edit): string => {
  const parts = source.split(find)
  if (parts.length === 2) return parts.join(put)
  throw new Error(`${file} has ${parts.length - 1} places for a planted bug, not one: ${find}`)
}
