import { randomInt } from 'node:crypto'
import { nanoid } from 'nanoid'

/** An id nobody else draws: instances, reply topics (126 bits). */
export const newId = (): string => nanoid()

/** The same for a broker that was given none: a name that may be given to it another time. */
export const newBrokerId = (): string => `b${nanoid()}`

/** A secret that resumes a session (192 bits). */
export const newSecret = (): string => nanoid(32)

/** A broker life: a whole number from 1 to 2^48 - 1, so that it fits a u64 field as a number. */
export const newLife = (): number => randomInt(1, 2 ** 48 - 1)

/** A seed for the pure generator. */
export const newSeed = (): number => randomInt(2 ** 31)
