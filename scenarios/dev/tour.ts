/** The calls that `npm start` makes, and how it prints what came back. */
import { randomBytes } from 'node:crypto'
import { type AnyContracts, type Bus, BusError, ServiceError } from '../../rr-client/index.ts'
import type { AccountsContracts } from '../examples/contracts.ts'
import { SAMPLE_ACCOUNTS } from '../examples/sample-accounts.ts'

/** The account that pays in all examples. */
export const PAYER = 'DE09999810000012345678'
const PAYEE = 'NL23FNBK0417164300'
const AMOUNT = '40.00'
const TOO_MUCH = '1000000.00'
const UNANSWERED = 'nobody.answers'

interface Step {
  topic: string
  what: string
  /** What to print; throws what the call threw. */
  call: () => Promise<string>
}

/** Makes the calls, prints a line for each. */
export const tour = async (bus: Bus<AccountsContracts>, print: (line: string) => void) => {
  const steps = stepsOf(bus)
  const topicWidth = Math.max(...steps.map(({ topic }) => topic.length))
  const whatWidth = Math.max(...steps.map(({ what }) => what.length))
  for (const { topic, what, call } of steps) {
    const started = performance.now()
    const answer = await call().catch(refusal)
    const took = `${(performance.now() - started).toFixed(1)} ms`.padStart(9)
    print(`  ${topic.padEnd(topicWidth)}  ${what.padEnd(whatWidth)}  ${took}  ${answer}`)
  }
}

const stepsOf = (bus: Bus<AccountsContracts>): Step[] => {
  // Books that outlive this process must see a new order in every run.
  const run = randomBytes(4).toString('hex')
  const order = { from: PAYER, to: PAYEE, amount: AMOUNT, currency: 'EUR', key: `tour-${run}` }
  const pay = async (): Promise<string> => {
    const { entry, balance, currency, repeated } = await bus.request('account.transfer', order)
    const left = `entry ${entry}, ${balance} ${currency} left`
    return repeated ? `not paid twice: ${left}, as the first time` : `paid: ${left}`
  }
  return [
    {
      topic: 'account.balance',
      what: `of ${ownerOf(PAYER)}`,
      call: async () => {
        const reply = await bus.request('account.balance', { account: PAYER })
        return `${reply.balance} ${reply.currency}`
      },
    },
    { topic: 'account.transfer', what: `${AMOUNT} EUR to ${ownerOf(PAYEE)}`, call: pay },
    { topic: 'account.transfer', what: 'the same again, same key', call: pay },
    {
      topic: 'account.transfer',
      what: `${TOO_MUCH} EUR`,
      call: async () => {
        const tooMuch = { ...order, amount: TOO_MUCH, key: `tour-${run}-too-much` }
        await bus.request('account.transfer', tooMuch)
        return 'paid'
      },
    },
    {
      topic: UNANSWERED,
      what: 'anything',
      call: async () => {
        // No contract knows the topic, which is the point.
        await (bus as unknown as Bus<AnyContracts>).request(UNANSWERED, {})
        return 'answered'
      },
    },
  ]
}

const MEANING = {
  executed: 'the service ran and said no',
  not_executed: 'nothing ran, safe to send again',
  unknown: 'it may have run',
}

/** A failed call in one line: what, and whether anything was done. */
const refusal = (error: unknown): string => {
  if (!BusError.is(error) && !ServiceError.is(error)) throw error
  return `${error.code}, outcome ${error.outcome}: ${MEANING[error.outcome]}`
}

const ownerOf = (account: string): string =>
  SAMPLE_ACCOUNTS.find((sample) => sample.account === account)?.owner ?? account
