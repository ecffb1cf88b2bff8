import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { type Bus, ServiceError } from '../rr-client/index.ts'
import { failure, flood, story, until, type World } from './support/world.ts'

/** A requester, and two instances that say who they are; each can be made to hang. */
const twoInstances = async (world: World) => {
  const broker = await world.broker()
  const hanging = new Set<Bus>()
  const answer = async (name: string): Promise<Bus> => {
    const bus = await world.connect(broker.url, { name, group: 'services' })
    await bus.reply('work.who', () => (hanging.has(bus) ? new Promise(() => {}) : name))
    return bus
  }
  const [one, two] = [await answer('one'), await answer('two')]
  const bus = await world.connect(broker.url)
  await until('both routes', async () => {
    await bus.request('work.who', {})
    return bus.snapshot().topics[0]?.writable === 2
  })
  return { bus, one, two, hanging }
}

const whoAnswers = async (bus: Bus, calls: number): Promise<Set<string>> =>
  new Set(
    await Promise.all(Array.from({ length: calls }, () => bus.request<'work.who'>('work.who', {}))),
  )

describe('an operator forces', () => {
  story(
    'a circuit open: callers are told at once, by whom and why, until it is over',
    async (w) => {
      const { bus } = await twoInstances(w)
      const to = { to: 'open', reason: 'ledger migration', forMs: 300 } as const
      assert.deepEqual(bus.force('work.who', to), { circuits: 1, queues: 0 })
      const error = await failure(bus.request('work.who', {}), 'circuit_open')
      assert.match(error.message, /operator: ledger migration/)
      assert.equal(error.outcome, 'not_executed')
      assert.ok(error.retryAfterMs! <= 300)
      await until('it is over', () =>
        bus.request('work.who', {}).then(
          () => true,
          () => false,
        ),
      )
    },
  )

  story('a circuit open, and takes it back', async (w) => {
    const { bus } = await twoInstances(w)
    bus.force('work.who', { to: 'open', reason: 'a mistake' })
    await failure(bus.request('work.who', {}), 'circuit_open')
    bus.force('work.who', { to: 'auto', reason: 'was a mistake' })
    assert.equal((await whoAnswers(bus, 20)).size, 2)
  })

  story('one probe through an open circuit, which closes when it succeeds', async (w) => {
    const { bus } = await twoInstances(w)
    const circuit = bus.circuit('work.who')
    circuit.open()
    await failure(bus.request('work.who', {}), 'circuit_open')
    bus.force('work.who', { to: 'probe', reason: 'is it back?' })
    await bus.request('work.who', {})
    await until('closed', () => circuit.closed)
    assert.equal((await whoAnswers(bus, 20)).size, 2)
  })

  story('a circuit closed: it stays closed whatever fails', async (w) => {
    const { bus, hanging, one, two } = await twoInstances(w)
    bus.force('work.who', { to: 'closed', reason: 'I know that it hangs' })
    hanging.add(one)
    hanging.add(two)
    const endings = await flood(60, 60, () => bus.request('work.who', {}, { timeoutMs: 100 }))
    assert.ok(
      endings.every(({ error }) => error?.code !== undefined && error.code !== 'circuit_open'),
    )
    assert.equal(bus.circuit('work.who').closed, true)
  })

  story('the queues of one instance open: the other one gets the calls', async (w) => {
    const { bus, one } = await twoInstances(w)
    const { instance } = one
    const force = { what: 'queues', instance, reason: 'a bad disk' } as const
    assert.deepEqual(bus.force('work.who', { ...force, to: 'open' }), { circuits: 0, queues: 1 })
    assert.deepEqual(await whoAnswers(bus, 50), new Set(['two']))
    const route = bus.snapshot().topics[0]!.routes.find((r) => r.instance === instance)
    assert.equal(route?.isolation, 'open')
    bus.force('work.who', { ...force, to: 'auto' })
    assert.equal((await whoAnswers(bus, 50)).size, 2)
  })

  story('every queue open: calls fail at once, and say so', async (w) => {
    const { bus } = await twoInstances(w)
    bus.force('work.who', { what: 'queues', to: 'open', reason: 'closed for the audit' })
    const error = await failure(bus.request('work.who', {}), 'circuit_open')
    assert.match(error.message, /closed for the audit/)
    assert.equal(error.outcome, 'not_executed')
  })

  story('nothing without a reason, nor what makes no sense', async (w) => {
    const { bus } = await twoInstances(w)
    const refuses = (options: object, message: RegExp): void => {
      assert.throws(() => bus.force('work.who', options as never), message)
    }
    refuses({ to: 'open' }, /reason/)
    refuses({ to: 'ajar', reason: 'x' }, /to is not valid/)
    refuses({ to: 'open', reason: 'x', instance: 'y' }, /need what: 'queues'/)
    refuses({ to: 'open', reason: 'x', forMS: 1 }, /"forMS" is unknown.*forMs/)
    assert.throws(() => bus.force('not a topic', { to: 'open', reason: 'x' }), /topic/)
  })

  story(
    'a failing service again and again, and business errors never open a circuit',
    async (w) => {
      const broker = await w.broker()
      const service = await w.connect(broker.url, { name: 'accounts' })
      await service.reply('work.refuse', () => {
        throw new ServiceError('INSUFFICIENT_FUNDS', 'no')
      })
      const bus = await w.connect(broker.url)
      for (let i = 0; i < 1_000; i++) {
        await assert.rejects(bus.request('work.refuse', {}), { code: 'INSUFFICIENT_FUNDS' })
      }
      assert.equal(bus.circuit('work.refuse').closed, true)
    },
  )
})
