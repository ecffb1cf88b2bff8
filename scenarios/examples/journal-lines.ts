/** What the lines of a ledger's journal say: first the accounts opened, then one order each. */
import { z } from 'zod'
import { decimalsOf } from './money.ts'

const opening = z.strictObject({
  account: z.string().min(1).max(34),
  owner: z.string().max(140),
  currency: z.string().refine((code) => decimalsOf(code) !== undefined, 'is not kept here'),
  balance: z.string(),
})
/** An account and what is on it. */
export type Opening = z.infer<typeof opening>

const openingRecord = z.strictObject({ entry: z.literal(0), accounts: z.array(opening) })

const order = z.strictObject({
  entry: z.int().positive(),
  key: z.string().min(1),
  from: z.string(),
  to: z.string(),
  amount: z.string(),
  currency: z.string(),
  at: z.string(),
  refused: z.literal('INSUFFICIENT_FUNDS').optional(),
})
export type OrderLine = z.infer<typeof order>

/** How the first line of every journal begins. */
export const JOURNAL_HEAD = '{"entry":0,'

/** One line for all accounts, so that a crash leaves all of them or none. */
export const openingLine = (accounts: readonly Opening[]): object => ({ entry: 0, accounts })

export interface JournalContent {
  openings: Opening[]
  orders: OrderLine[]
}

/** Reads and checks every line. Throws, naming the line, at what is damaged. */
export const readJournal = (path: string, lines: readonly string[]): JournalContent => {
  const [first = '', ...rest] = lines
  const openings = readLine(path, 1, first, openingRecord).accounts
  const keys = new Set<string>()
  const orders = rest.map((text, i) => {
    const line = readLine(path, i + 2, text, order)
    // A gap is a lost line, and a lost line may be a payment.
    if (line.entry !== i + 1) throw damaged(path, i + 2, `is entry ${line.entry}, not ${i + 1}`)
    if (keys.has(line.key)) throw damaged(path, i + 2, 'has the key of an earlier line')
    keys.add(line.key)
    return line
  })
  return { openings, orders }
}

const readLine = <T>(path: string, number: number, text: string, schema: z.ZodType<T>): T => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw damaged(path, number, 'is not JSON', error)
  }
  const read = schema.safeParse(value)
  if (!read.success) throw damaged(path, number, z.prettifyError(read.error), read.error)
  return read.data
}

const damaged = (path: string, line: number, why: string, cause?: unknown): Error =>
  new Error(`${path}, line ${line} ${why}; the journal is damaged, restore it from a copy`, {
    cause,
  })
