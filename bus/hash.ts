/** Hashes that every process must agree on: for spreading, not against an adversary. */

/** 32-bit FNV-1a, to be mixed before it is compared. */
export const fnv1a = (text: string, seed = 0x811c9dc5): number => {
  let h = seed
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h
}

/** The final mix of MurmurHash3. */
export const mix = (n: number): number => {
  let h = n ^ (n >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** A text's place from 0 to 2^32 - 1. */
export const hashText = (text: string, seed?: number): number => mix(fnv1a(text, seed))
