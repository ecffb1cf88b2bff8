/** The name of a call for people: who made it, and which of its calls it was. */

export interface CallName {
  readonly instance: string
  /** Calls with more than 30 s have a series of their own. */
  readonly isLong: boolean
  readonly counter: number
}

/** `instance-7`, or `instance-L7` of the long series; an instance may have such signs in it, too. */
const FORM = /^(.{1,64})-(L?)([1-9]\d{0,15})$/

/** Undefined if it is no correlation id. */
export const parseCorrelationId = (text: string): CallName | undefined => {
  const [, instance, series, digits] = FORM.exec(text) ?? []
  const counter = Number(digits)
  if (instance === undefined || !Number.isSafeInteger(counter)) return undefined
  return { instance, isLong: series === 'L', counter }
}
