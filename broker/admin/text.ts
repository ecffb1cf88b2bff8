/** Longest text of others that is kept: a reason, an error's message. */
const MAX_TEXT = 500

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g

/** Somebody else's text on one line, and not longer than it may be. */
export const plainText = (text: string, most = MAX_TEXT): string => {
  const cut = text.length > most ? `${text.slice(0, most - 1)}…` : text
  return cut.replace(CONTROL, ' ')
}
