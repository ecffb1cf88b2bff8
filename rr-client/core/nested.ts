/** A nested call gets the parent's time less this, or less a tenth if that is less. */
const RESERVE_MS = 5
const RESERVE_SHARE = 0.1

/** The time a call made inside a handler may have at most, so that the handler can still answer. */
export const nestedMs = (leftMs: number): number =>
  Math.floor(leftMs - Math.min(RESERVE_MS, leftMs * RESERVE_SHARE))
