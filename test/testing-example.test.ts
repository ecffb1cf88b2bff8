/**
 * How an application tests its own service with `finbus/testing`: the payment desk of the examples
 * must book every order once, whatever happens to the ledger and to the network.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Bus, BusError } from '../rr-client/index.ts'
import {
  type Booking,
  type Order,
  type PaymentContracts,
  PaymentDesk,
  type Sleep,
} from '../scenarios/examples/payment-desk.ts'
import { type TestBus, testBus } from '../scenarios/testing/index.ts'

const order = (key: string): Order => ({ key, from: 'anna', to: 'noord', amount: '10.00' })

/** The ledger as the desk knows it. Its books outlive it; it books whatever it is told. */
const openLedger = async (world: TestBus, books: Order[]): Promise<Bus<PaymentContracts>> => {
  const bus = await world.connect<PaymentContracts>({ name: 'ledger', group: 'ledger' })
  await bus.reply('ledger.book', async (told) => {
    await world.sleep(5)
    const entry = books.push(told)
    await world.sleep(5)
    return { key: told.key, entry }
  })
  await bus.reply('ledger.find', ({ key }) => {
    const at = books.findIndex((booked) => booked.key === key)
    return at < 0 ? null : { key, entry: at + 1 }
  })
  return bus
}

type OpenDesk = (bus: Bus<PaymentContracts>, sleep: Sleep) => Promise<unknown>
const openDesk: OpenDesk = (bus, sleep) => new PaymentDesk(bus, sleep).open()

const openBank = async (world: TestBus, open = openDesk) => {
  const books: Order[] = []
  await world.broker('b1')
  await world.broker('b2')
  const ledger = await openLedger(world, books)
  const desk = await world.connect<PaymentContracts>({ name: 'desk', group: 'desk' })
  await open(desk, world.sleep)
  const app = await world.connect<PaymentContracts>({ name: 'app' })
  const pay = (key: string): Promise<Booking> =>
    app.request('payment.pay', order(key), { timeoutMs: 60_000 })
  return { books, ledger, app, pay }
}

test('a payment is booked', async () => {
  await using world = testBus()
  const { books, pay } = await openBank(world)
  assert.deepEqual(await pay('rent'), { key: 'rent', entry: 1 })
  assert.deepEqual(books, [order('rent')])
})

test('a ledger that dies between booking and replying has booked once', async () => {
  await using world = testBus()
  const { books, ledger, pay } = await openBank(world)
  const paying = pay('rent')
  await world.until('it is in the books', () => books.length === 1)
  world.kill(ledger)
  await world.sleep(3_000)
  await openLedger(world, books)
  assert.deepEqual(await paying, { key: 'rent', entry: 1 })
  assert.equal(books.length, 1)
})

test('a ledger that is away for a while gets the order when it is back', async () => {
  await using world = testBus()
  const { books, ledger, pay } = await openBank(world)
  world.part(ledger, { forMs: 1_500 })
  assert.equal((await pay('rent')).entry, 1)
  assert.equal(books.length, 1)
})

test('who asks again while an order is under way joins it', async () => {
  await using world = testBus()
  const { books, ledger, app, pay } = await openBank(world)
  world.slow(ledger, { byMs: 700 })
  await assert.rejects(app.request('payment.pay', order('rent'), { timeoutMs: 900 }), BusError)
  assert.deepEqual(await Promise.all([pay('rent'), pay('rent')]), [
    { key: 'rent', entry: 1 },
    { key: 'rent', entry: 1 },
  ])
  assert.equal(books.length, 1)
})

/** Orders under resets, delays, a freeze and a parting; gives back what is in the books twice. */
const stormyDay = async (seed: number, openDesk: OpenDesk): Promise<string[]> => {
  await using world = testBus({ seed })
  const { books, ledger, pay } = await openBank(world, openDesk)
  world.faults({ resets: 0.05, delays: 0.2, delayMs: 400, forMs: 5_000 })
  const payments: Promise<Booking | Error>[] = []
  for (let i = 0; i < 10; i++) {
    payments.push(pay(`order-${i}`).catch((error: Error) => error))
    await world.sleep(200)
    if (i === 4) world.freeze(ledger, { forMs: 1_200 })
    if (i === 7) world.part(ledger, { forMs: 800 })
  }
  const answers = await Promise.all(payments)
  const keys = books.map(({ key }) => key)
  for (const answer of answers) {
    if (!(answer instanceof Error)) assert.ok(keys.includes(answer.key), 'paid is booked')
  }
  return keys.filter((key, i) => keys.indexOf(key) !== i)
}

const SEEDS = Array.from({ length: 10 }, (_, i) => i + 1)

test('on ten stormy days nothing is booked twice', async () => {
  for (const seed of SEEDS) assert.deepEqual(await stormyDay(seed, openDesk), [], `seed ${seed}`)
})

test('the same days find out a desk that books again on a guess', async () => {
  const openGuesser: OpenDesk = (bus, sleep) =>
    bus.reply('payment.pay', async (told) => {
      for (;;) {
        try {
          return await bus.request('ledger.book', told, { timeoutMs: 1_000 })
        } catch {
          await sleep(200)
        }
      }
    })
  const twice: string[] = []
  for (const seed of SEEDS) twice.push(...(await stormyDay(seed, openGuesser)))
  assert.ok(twice.length > 0, 'ten days without one order booked twice')
})
