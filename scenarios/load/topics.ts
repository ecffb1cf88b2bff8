/** What sample services answer and sample callers ask: a bank in small, so that there is something to see. */
import { setTimeout as pause } from 'node:timers/promises'
import { type HandlerContext, type RequestOptions, ServiceError } from '../../rr-client/index.ts'

export interface SampleTopic {
  topic: string
  /** The group that answers it. */
  group: string
  /** Of all calls, so many parts. */
  parts: number
  options: RequestOptions
  body(n: number): object
  answer(body: { n: number }, ctx: HandlerContext): object | Promise<object>
}

const chance = (share: number): boolean => Math.random() < share
const between = (low: number, high: number): number => low + Math.random() * (high - low)
/** A handler that is given up on has nothing left to wait for. */
const takes = (ms: number, { signal }: HandlerContext): Promise<void> =>
  pause(ms, undefined, { signal })
const amountOf = (n: number): string => `${(n * 37) % 9_000}.${String(n % 100).padStart(2, '0')}`

export const SAMPLE_TOPICS: readonly SampleTopic[] = [
  {
    ...{ topic: 'account.balance', group: 'accounts', parts: 55 },
    options: { timeoutMs: 1_000, idempotent: true },
    body: (n) => ({ n, account: `sample-${n % 500}` }),
    answer: ({ n }) => ({ balance: amountOf(n), currency: 'EUR' }),
  },
  {
    ...{ topic: 'payment.submit', group: 'payments', parts: 20 },
    options: { timeoutMs: 3_000 },
    body: (n) => ({ n, from: `sample-${n % 500}`, amount: amountOf(n), currency: 'EUR' }),
    answer: async ({ n }, ctx) => {
      if (chance(0.04)) {
        throw new ServiceError('INSUFFICIENT_FUNDS', 'the account has less', {
          amount: amountOf(n),
        })
      }
      if (chance(0.01)) throw new ServiceError('ACCOUNT_BLOCKED', 'nothing may be paid from it')
      const { score } = (await ctx.request('risk.score', { n })) as { score: number }
      return { entry: n, score }
    },
  },
  {
    ...{ topic: 'fx.quote', group: 'rates', parts: 15 },
    options: { timeoutMs: 500, idempotent: true },
    body: (n) => ({ n, pair: ['EURUSD', 'EURCNY', 'USDJPY'][n % 3] }),
    answer: async (_, ctx) => {
      await takes(between(1, 8), ctx)
      return { rate: between(0.9, 1.2).toFixed(5) }
    },
  },
  {
    ...{ topic: 'risk.score', group: 'risk', parts: 8 },
    options: { timeoutMs: 3_000, idempotent: true },
    body: (n) => ({ n }),
    answer: async (_, ctx) => {
      await takes(chance(0.03) ? between(400, 800) : between(10, 40), ctx)
      return { score: Math.round(between(0, 100)) }
    },
  },
  {
    ...{ topic: 'statement.render', group: 'statements', parts: 2 },
    options: { timeoutMs: 5_000, idempotent: true },
    body: (n) => ({ n, account: `sample-${n % 500}` }),
    answer: async ({ n }, ctx) => {
      await takes(between(150, 450), ctx)
      return { pages: 1 + (n % 9) }
    },
  },
]
