/**
 * Money as people and messages write it (`'12.50'`), and as the books count it: whole minor units
 * in a bigint. No float ever holds an amount: 0.1 + 0.2 is not 0.3 there.
 */
import { ServiceError } from '../../rr-client/index.ts'

/** ISO 4217 decimals of the currencies these books are kept in. */
const DECIMALS = new Map([
  ['CNY', 2],
  ['EUR', 2],
  ['JPY', 0],
  ['KWD', 3],
  ['USD', 2],
])

/** ISO 20022 allows an amount 18 digits, and so do the books. */
const AMOUNT = /^(\d{1,18})(?:\.(\d{1,5}))?$/
const MAX_DIGITS = 18

/** Decimals of a currency, or undefined when the books do not know it. */
export const decimalsOf = (currency: string): number | undefined => DECIMALS.get(currency)

/** Minor units of an amount of zero or more. Throws ServiceError INVALID_AMOUNT. */
export const toMinor = (amount: string, currency: string): bigint => {
  const decimals = decimalsOf(currency)
  if (decimals === undefined)
    throw invalidAmount(amount, currency, 'is in a currency not kept here')
  const match = AMOUNT.exec(amount)
  if (match === null) throw invalidAmount(amount, currency, 'must be digits, such as 12.50')
  const [, whole = '', fraction = ''] = match
  if (fraction.length > decimals) {
    throw invalidAmount(amount, currency, `has more than the ${decimals} decimals of ${currency}`)
  }
  if (whole.length + fraction.length > MAX_DIGITS) {
    throw invalidAmount(amount, currency, `has more than ${MAX_DIGITS} digits`)
  }
  return BigInt(whole + fraction.padEnd(decimals, '0'))
}

/** The amount as text, with all decimals of its currency. Balances of the house may be negative. */
export const toAmount = (minor: bigint, currency: string): string => {
  const decimals = decimalsOf(currency) ?? 0
  const digits = (minor < 0n ? -minor : minor).toString().padStart(decimals + 1, '0')
  const sign = minor < 0n ? '-' : ''
  if (decimals === 0) return sign + digits
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}

const SHOWN = 40

export const invalidAmount = (amount: string, currency: string, why: string): ServiceError =>
  new ServiceError('INVALID_AMOUNT', `amount ${JSON.stringify(amount.slice(0, SHOWN))} ${why}`, {
    amount: amount.slice(0, SHOWN),
    currency,
  })
