/** What goes over the accounts topics: one schema each, for the service's checks and everybody's types. */
import { z } from 'zod'

const account = z.string().min(1).max(34)
const currency = z.string().regex(/^[A-Z]{3}$/, 'must be three capitals, such as EUR')

export const balanceRequest = z.strictObject({ account })

/** No filter yet, so nothing, `null` or `{}`. */
export const listRequest = z.strictObject({}).nullish()

export const transferRequest = z.strictObject({
  from: account,
  to: account,
  /** Text, never a number: `12.50`. The ledger says what is wrong with an amount. */
  amount: z.string().max(40),
  currency,
  /** The business key: repeat it and nothing is paid twice. */
  key: z.string().min(1).max(128),
})

export const paymentRequest = z.instanceof(Uint8Array, {
  error:
    'must be the bytes of a pacs.008 XML message, as in @scenarios/examples/credit-transfer.xml',
})

export interface AccountState {
  account: string
  owner: string
  currency: string
  balance: string
}

export interface TransferReply {
  /** Its number in the books. */
  entry: number
  key: string
  from: string
  to: string
  amount: string
  currency: string
  /** Of the account that paid, right after. */
  balance: string
  bookedAt: string
  /** It was paid by an earlier call with this key; nothing was paid now. */
  repeated: boolean
}

/** Give it to `connect<AccountsContracts>()`, on both sides. */
export type AccountsContracts = {
  'account.balance': { request: z.infer<typeof balanceRequest>; reply: AccountState }
  'account.list': { request: z.infer<typeof listRequest>; reply: { accounts: AccountState[] } }
  'account.transfer': { request: z.infer<typeof transferRequest>; reply: TransferReply }
  /** ISO 20022: a pacs.008 in, a pacs.002 out. */
  'payments.transfer': { request: Uint8Array; reply: Uint8Array }
}
