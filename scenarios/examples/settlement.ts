/**
 * Pays the orders of a pacs.008 out of the ledger and says of each what became of it. The
 * EndToEndId is the business key: the same message sent again gets the same answer and pays nothing.
 */
import { ServiceError } from '../../rr-client/index.ts'
import type { Ledger } from './ledger.ts'
import type { Reason, ReasonCode, StatusReport, TransactionStatus } from './pacs002.ts'
import type { CreditTransfer, CreditTransferMessage } from './pacs008.ts'

export const settle = async (
  message: CreditTransferMessage,
  ledger: Ledger,
): Promise<StatusReport> => {
  const reason = groupFault(message)
  if (reason !== undefined) {
    const statuses = message.transactions.map((transaction) => rejected(transaction, reason))
    return { message, reason, statuses }
  }
  const keys = new Set<string>()
  // Each is decided at once, in its order in the message; they wait for the disk together.
  const settling = message.transactions.map((transaction) => settleOne(transaction, ledger, keys))
  const settled = await Promise.allSettled(settling)
  return { message, statuses: settled.map(statusOf) }
}

/** What is wrong with the ledger is no answer to an order: the message can be sent again later. */
const statusOf = (result: PromiseSettledResult<TransactionStatus>): TransactionStatus => {
  if (result.status === 'rejected') throw result.reason
  return result.value
}

const settleOne = async (
  transaction: CreditTransfer,
  ledger: Ledger,
  keys: Set<string>,
): Promise<TransactionStatus> => {
  const { debtorAccount: from, creditorAccount: to, amount, currency } = transaction
  if (from === undefined) return rejected(transaction, { code: 'AC01', text: 'no debtor account' })
  if (to === undefined) return rejected(transaction, { code: 'AC01', text: 'no creditor account' })
  const key = keyOf(transaction, from)
  if (key === undefined) {
    const text = 'EndToEndId NOTPROVIDED without UETR or TxId: a repetition could not be known'
    return rejected(transaction, { code: 'FF01', text })
  }
  // Answering "settled" to both would let the sender believe that both were paid.
  if (keys.has(key)) {
    return rejected(transaction, { code: 'AM05', text: 'this EndToEndId is twice in the message' })
  }
  keys.add(key)
  try {
    const { entry, bookedAt, repeated } = await ledger.transfer({ from, to, amount, currency, key })
    const text = 'repetition of a settled order, not paid again'
    return { transaction, status: 'ACSC', entry, bookedAt, ...(repeated && { reason: { text } }) }
  } catch (error) {
    const code = ServiceError.is(error) ? REASONS[error.code] : undefined
    if (code === undefined) throw error
    return rejected(transaction, { code, text: (error as ServiceError).message })
  }
}

const REASONS: Record<string, ReasonCode | undefined> = {
  CURRENCY_MISMATCH: 'AM03',
  INSUFFICIENT_FUNDS: 'AM04',
  INVALID_AMOUNT: 'AM12',
  KEY_REUSED: 'AM05',
  SAME_ACCOUNT: 'AC01',
  UNKNOWN_ACCOUNT: 'AC01',
}

/**
 * The payer chooses the EndToEndId, so it is unique among one payer's orders only. NOTPROVIDED is
 * how ISO says that the payer chose none; then what the banks call the payment must do.
 */
const keyOf = (transaction: CreditTransfer, from: string): string | undefined => {
  const { endToEndId, transactionId, uetr } = transaction
  if (endToEndId !== 'NOTPROVIDED') return `e2e:${from}:${endToEndId}`
  if (uetr !== undefined) return `uetr:${uetr}`
  return transactionId === undefined ? undefined : `tx:${from}:${transactionId}`
}

/** A message whose own count or sum is wrong has lost something on its way: none of it is paid. */
const groupFault = (message: CreditTransferMessage): Reason | undefined => {
  const { declaredCount, declaredSum, transactions } = message
  if (!/^\d+$/.test(declaredCount) || Number(declaredCount) !== transactions.length) {
    const text = `NbOfTxs is ${declaredCount}, but there are ${transactions.length} transactions`
    return { code: 'FF01', text }
  }
  if (declaredSum === undefined) return undefined
  const declared = scaled(declaredSum)
  const amounts = transactions.map(({ amount }) => scaled(amount))
  // An amount that is no number is that order's own fault.
  if (amounts.includes(undefined)) return undefined
  const sum = amounts.reduce<bigint>((total, amount) => total + (amount ?? 0n), 0n)
  if (declared === sum) return undefined
  return { code: 'FF01', text: `CtrlSum ${declaredSum} is not the sum of the amounts` }
}

/** ISO allows 17 decimals in a control sum, which adds up amounts of whatever currency. */
const SCALE = 17

const scaled = (decimal: string): bigint | undefined => {
  const match = /^(\d{1,18})(?:\.(\d{1,17}))?$/.exec(decimal)
  if (match === null) return undefined
  return BigInt((match[1] ?? '') + (match[2] ?? '').padEnd(SCALE, '0'))
}

const rejected = (transaction: CreditTransfer, reason: Reason): TransactionStatus => ({
  transaction,
  status: 'RJCT',
  reason,
})
