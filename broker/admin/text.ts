import { oneLine } from '../../bus/one-line.ts'

/** Longest text of others that is kept: a reason, an error's message. */
const MAX_TEXT = 500

/** Somebody else's text on one line, and not longer than it may be. */
export const plainText = (text: string, most = MAX_TEXT): string => {
  const cut = text.length > most ? `${text.slice(0, most - 1)}…` : text
  return oneLine(cut)
}
