/** Characters that turn the direction of all that follows them: what they could hide must be seen. */

const TURNS = /\\(?:u202[a-e]|u206[6-9]|[\s\S])|[\u202A-\u202E\u2066-\u2069]/gi
const IS_TURN = /^(?:\\u20[26]|[\u202A-\u202E\u2066-\u2069])/i
const SHOWN = '\uFFFD'

/** JSON text without them, escaped or not; everything else is left as it is. */
export const cleanJson = (text: string): string =>
  text.replace(TURNS, (found) => (IS_TURN.test(found) ? SHOWN : found))
