/**
 * Double-entry books: what leaves one account reaches another, and all balances of a currency sum
 * to zero, the house's capital included.
 *
 * Every order carries a business key, and a key has one outcome for ever: a repetition gets the
 * first answer again, also after a restart, and never pays twice. INSUFFICIENT_FUNDS is such an
 * outcome, because time could change it: a caller that was refused, and paid another way, must not
 * be overtaken by its own old order. The other refusals say that the order is wrong as it stands;
 * they leave no trace, and the key is free for the corrected one.
 *
 * Keys are never forgotten, so memory and journal grow by some 300 bytes an order, up to
 * `maxJournalBytes`.
 */
import { ServiceError } from '../../rr-client/index.ts'
import { Journal } from './journal.ts'
import {
  JOURNAL_HEAD,
  type Opening,
  type OrderLine,
  openingLine,
  readJournal,
} from './journal-lines.ts'
import { invalidAmount, toAmount, toMinor } from './money.ts'

export type { Opening } from './journal-lines.ts'

export interface TransferOrder {
  from: string
  to: string
  /** Decimal text in the currency of both accounts, such as `12.50`. */
  amount: string
  currency: string
  /** The business key: the same for every repetition of this order, and for no other order. */
  key: string
}

export interface Receipt extends TransferOrder {
  /** Its number in the books. */
  entry: number
  /** Of the account that paid, right after. */
  balance: string
  bookedAt: string
  /** It was booked by an earlier order with this key, and nothing was paid now. */
  repeated: boolean
}

export interface LedgerOptions {
  /** What new books open with; books that exist keep what they have. */
  accounts: readonly Opening[]
  /** Without a file the books are lost with the process. */
  journal?: string
  /** Default 128 MiB. */
  maxJournalBytes?: number
  /** The journal cannot be written. Whether the last orders are booked will be known after a restart. */
  onBroken?: (error: Error) => void
}

interface Account {
  owner: string
  currency: string
  opening: bigint
  balance: bigint
}

/** An order that was decided. */
interface Outcome {
  entry: number
  from: string
  to: string
  currency: string
  minor: bigint
  isRefused: boolean
  /** Of the paying account, after it was decided. */
  balance: bigint
  at: string
}

const MAX_KEY = 128
const MAX_JOURNAL_BYTES = 134_217_728

export class Ledger {
  readonly #accounts = new Map<string, Account>()
  /** The house's side of the opening balances, by currency. */
  readonly #capital = new Map<string, bigint>()
  readonly #outcomes = new Map<string, Outcome>()
  #journal: Journal | undefined

  static async open(options: LedgerOptions): Promise<Ledger> {
    const ledger = new Ledger()
    if (options.journal === undefined) {
      ledger.#openAccounts(options.accounts)
      return ledger
    }
    const { journal, lines } = await Journal.open(options.journal, {
      head: JOURNAL_HEAD,
      maxBytes: options.maxJournalBytes ?? MAX_JOURNAL_BYTES,
      onBroken: options.onBroken ?? (() => {}),
    })
    ledger.#journal = journal
    try {
      if (lines.length > 0) ledger.#replay(options.journal, lines)
      else {
        ledger.#openAccounts(options.accounts)
        journal.append(openingLine(options.accounts))
        await journal.synced()
      }
    } catch (error) {
      await journal.close().catch(() => {})
      throw error
    }
    return ledger
  }

  private constructor() {}

  /** Accounts opened and orders decided so far. */
  get entries(): number {
    return this.#outcomes.size
  }

  /** Throws UNKNOWN_ACCOUNT. May show an order that is not on the disk yet: see `synced`. */
  balance(account: string): Opening {
    const { owner, currency, balance } = this.#known(account)
    return { account, owner, currency, balance: toAmount(balance, currency) }
  }

  accounts(): Opening[] {
    return [...this.#accounts.keys()].map((account) => this.balance(account))
  }

  /**
   * Pays once per key, and resolves when that is on the disk. Throws ServiceError UNKNOWN_ACCOUNT,
   * SAME_ACCOUNT, CURRENCY_MISMATCH, INVALID_AMOUNT, INVALID_KEY, KEY_REUSED, INSUFFICIENT_FUNDS or
   * LEDGER_FULL.
   */
  async transfer(order: TransferOrder): Promise<Receipt> {
    const { key } = order
    const known = this.#outcomes.get(key)
    if (known !== undefined && !isSame(known, order)) throw keyReused(key, known)
    const outcome = known ?? this.#decide(order)
    // A repetition waits as well: it may have come while the first one was being written.
    await this.synced()
    const repeated = known !== undefined
    if (outcome.isRefused) throw insufficientFunds(key, outcome, repeated)
    const { entry, from, to, currency, at } = outcome
    const amount = toAmount(outcome.minor, currency)
    const balance = toAmount(outcome.balance, currency)
    return { entry, from, to, amount, currency, key, balance, bookedAt: at, repeated }
  }

  /** Resolves when everything decided so far is on the disk. */
  synced(): Promise<void> {
    return this.#journal?.synced() ?? Promise.resolve()
  }

  /**
   * Counts every account again from the openings and all orders. Throws when a running balance
   * differs, one is negative, or a currency does not sum to zero. Returns the sums.
   */
  prove(): Record<string, string> {
    const counted = new Map([...this.#accounts].map(([id, { opening }]) => [id, opening]))
    for (const { from, to, minor, isRefused } of this.#outcomes.values()) {
      if (isRefused) continue
      counted.set(from, (counted.get(from) ?? 0n) - minor)
      counted.set(to, (counted.get(to) ?? 0n) + minor)
    }
    const sums = new Map(this.#capital)
    for (const [id, minor] of counted) {
      const { balance, currency } = this.#known(id)
      if (minor !== balance) throw new Error(`${id} has ${balance}, its entries make ${minor}`)
      if (minor < 0n) throw new Error(`${id} is overdrawn: ${minor}`)
      sums.set(currency, (sums.get(currency) ?? 0n) + minor)
    }
    for (const [currency, sum] of sums) {
      if (sum !== 0n) throw new Error(`the entries in ${currency} sum to ${sum}`)
    }
    return Object.fromEntries(
      [...sums].map(([currency, sum]) => [currency, toAmount(sum, currency)]),
    )
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }

  #openAccounts(openings: readonly Opening[]): void {
    for (const { account, owner, currency, balance } of openings) {
      const opening = toMinor(balance, currency)
      if (this.#accounts.has(account)) throw new Error(`account ${account} is opened twice`)
      this.#accounts.set(account, { owner, currency, opening, balance: opening })
      this.#capital.set(currency, (this.#capital.get(currency) ?? 0n) - opening)
    }
  }

  /** Checks the order and books it, or its refusal. Nothing changes when it throws. */
  #decide(order: TransferOrder): Outcome {
    const { from, to, currency, key } = order
    if (key.length === 0 || key.length > MAX_KEY) {
      throw new ServiceError('INVALID_KEY', `key must have 1 to ${MAX_KEY} characters`)
    }
    const payer = this.#known(from)
    const payee = this.#known(to)
    if (from === to) {
      throw new ServiceError('SAME_ACCOUNT', 'from and to are the same account', { account: from })
    }
    if (payer.currency !== currency) throw mismatch(from, payer.currency, currency)
    if (payee.currency !== currency) throw mismatch(to, payee.currency, currency)
    const minor = toMinor(order.amount, currency)
    if (minor === 0n) throw invalidAmount(order.amount, currency, 'must be more than zero')

    const entry = this.#outcomes.size + 1
    const at = new Date().toISOString()
    const isRefused = payer.balance < minor
    const amount = toAmount(minor, currency)
    const line: OrderLine = { entry, key, from, to, amount, currency, at }
    this.#journal?.append(isRefused ? { ...line, refused: 'INSUFFICIENT_FUNDS' } : line)
    return this.#book(key, { entry, from, to, currency, minor, isRefused, balance: 0n, at })
  }

  #book(key: string, outcome: Outcome): Outcome {
    const payer = this.#known(outcome.from)
    if (!outcome.isRefused) {
      payer.balance -= outcome.minor
      this.#known(outcome.to).balance += outcome.minor
    }
    outcome.balance = payer.balance
    this.#outcomes.set(key, outcome)
    return outcome
  }

  #replay(path: string, lines: readonly string[]): void {
    const { openings, orders } = readJournal(path, lines)
    this.#openAccounts(openings)
    for (const order of orders) {
      const { entry, key, from, to, currency, at } = order
      const isRefused = order.refused !== undefined
      const minor = toMinor(order.amount, currency)
      this.#book(key, { entry, from, to, currency, minor, isRefused, balance: 0n, at })
    }
    this.prove()
  }

  #known(account: string): Account {
    const found = this.#accounts.get(account)
    if (found !== undefined) return found
    throw new ServiceError('UNKNOWN_ACCOUNT', `no account ${JSON.stringify(account)} here`, {
      account,
    })
  }
}

/** Whether an order says what the one booked under its key said; `12.5` is `12.50`. */
const isSame = (known: Outcome, order: TransferOrder): boolean => {
  if (known.from !== order.from || known.to !== order.to) return false
  if (known.currency !== order.currency) return false
  try {
    return known.minor === toMinor(order.amount, order.currency)
  } catch {
    return false
  }
}

const keyReused = (key: string, { entry }: Outcome): ServiceError =>
  new ServiceError('KEY_REUSED', `key ${JSON.stringify(key)} belongs to another order`, {
    key,
    entry,
  })

const mismatch = (account: string, kept: string, currency: string): ServiceError =>
  new ServiceError('CURRENCY_MISMATCH', `account ${account} is kept in ${kept}, not ${currency}`, {
    account,
    kept,
    currency,
  })

const insufficientFunds = (key: string, outcome: Outcome, repeated: boolean): ServiceError => {
  const { entry, from, currency } = outcome
  const balance = toAmount(outcome.balance, currency)
  const amount = toAmount(outcome.minor, currency)
  return new ServiceError(
    'INSUFFICIENT_FUNDS',
    `account ${from} had ${balance} ${currency}, which is less than ${amount}`,
    { account: from, balance, amount, currency, key, entry, repeated },
  )
}
