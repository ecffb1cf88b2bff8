/** Operators' words about circuits, queues and data centres: whom they reach, how long they stand, who may end them. */
import assert from 'node:assert/strict'
import type { StandingForce } from '../broker/admin/api.ts'
import { BusError } from '../bus/errors.ts'
import { acted, audited, refused, standing, started } from './support/admin-acts.ts'
import { say } from './support/steering.ts'
import { story } from './support/world.ts'

story(
  'an operator opens a circuit everywhere; who links later hears of it; auto ends it',
  async (world) => {
    const there = await started(world)
    const { steering } = there
    for (const instance of ['c1', 'c2', 'c3']) steering.link(instance)
    const report = await acted(there, '/v1/circuits/account.balance/force', {
      ...{ to: 'open', forMs: 5_000, reason: 'the ledger is wrong' },
    })
    assert.deepEqual(
      [report.brokers, report.clients, report.circuits, report.silent],
      [1, 3, 3, []],
    )
    const [word] = await standing(there)
    assert.deepEqual([word!.by, word!.to, word!.until - word!.at], ['olga', 'open', 5_000])
    const kept = steering.kept.get(word!.id)!
    assert.deepEqual([kept.until, (kept.order as { to: string }).to], [6_000, 'open'])

    await acted(there, '/v1/circuits/account.balance/force', { to: 'auto', reason: 'mended' })
    assert.deepEqual(await standing(there), [])
    // Clients that were away hear that it is over, as long as they may go by it.
    const end = steering.kept.get(word!.id)!.order as { to: string; forMs: number }
    assert.deepEqual([end.to, end.forMs <= 5_000], ['auto', true])
    assert.deepEqual(
      steering.words.map(({ to }) => to),
      ['open', 'open', 'open', 'auto', 'auto', 'auto'],
    )
    assert.equal(new Set(steering.words.map(({ id }) => id)).size, 1)
    const audits = await audited(there)
    assert.deepEqual(
      audits.map(({ who, action, reason, outcome }) => [who, action, reason, outcome]),
      [
        ['olga', 'force_circuit', 'the ledger is wrong', 'done'],
        ['olga', 'force_circuit', 'mended', 'done'],
      ],
    )
  },
)

story('a word for one requester goes to it alone', async (world) => {
  const there = await started(world)
  const { steering } = there
  for (const instance of ['c1', 'c2']) steering.link(instance)
  const body = { to: 'closed', requester: 'c2', reason: 'test of one' }
  await acted(there, '/v1/circuits/account.balance/force', body)
  assert.deepEqual(
    steering.orders.map(({ instance }) => instance),
    ['c2'],
  )
  assert.equal(steering.kept.size, 0)
  const gone = await refused(there, '/v1/circuits/account.balance/force', {
    ...body,
    requester: 'c9',
  })
  assert.deepEqual([gone.status, gone.code], [404, 'not_found'])
})

story(
  'two operators force one circuit: the second hears who, what and until when',
  async (world) => {
    const there = await started(world)
    const { steering } = there
    steering.link('c1')
    const path = '/v1/circuits/account.balance/force'
    await acted(there, path, { to: 'open', reason: 'the ledger is wrong' })
    const body = { to: 'closed', reason: 'customers complain' }
    const conflict = await refused(there, path, body, { operator: 'piet' })
    assert.deepEqual([conflict.status, conflict.code], [409, 'conflict'])
    assert.match(
      conflict.message,
      /olga has forced the circuit of account.balance open until .*replace/,
    )
    const { who, to, reason } = conflict.details as Record<string, unknown>
    assert.deepEqual([who, to, reason], ['olga', 'open', 'the ledger is wrong'])
    assert.equal(steering.words.length, 1)
    // Ending another's word is overruling it, too; one's own is not.
    assert.equal(
      (await refused(there, path, { to: 'auto', reason: 'x' }, { operator: 'piet' })).status,
      409,
    )
    const at1 = { ...body, requester: 'c1' }
    assert.equal((await refused(there, path, at1, { operator: 'piet' })).status, 409)
    await acted(there, path, { to: 'open', forMs: 1_000, reason: 'still' })
    const report = await acted(there, path, { ...body, replace: true }, { operator: 'piet' })
    assert.deepEqual(
      (report.before as StandingForce[]).map(({ by }) => by),
      ['olga'],
    )
    assert.deepEqual(
      (await standing(there)).map(({ by, to }) => [by, to]),
      [['piet', 'closed']],
    )
    const refusals = (await audited(there)).filter(({ outcome }) => outcome === 'refused')
    assert.deepEqual(
      refusals.map(({ who }) => who),
      ['piet', 'piet', 'piet'],
    )
  },
)

story('silent clients are named, up to twenty; the others are counted', async (world) => {
  const there = await started(world)
  const { steering } = there
  for (let i = 0; i < 30; i++) steering.link(`c${i}`, `caller-${i}`)
  steering.answer = async (instance) => {
    if (instance === 'c3') return { queues: 2 }
    throw new BusError('deadline_exceeded', 'no answer within 1500 ms')
  }
  const body = { topic: 'account.balance', instance: 'r1', to: 'open', reason: 'sick' }
  const report = await acted(there, '/v1/queues/force', body)
  assert.deepEqual([report.clients, report.queues, report.silent.length], [1, 2, 21])
  assert.match(report.silent[0]!.node, /^caller-\d+ \(c\d+\)$/)
  assert.match(report.silent[0]!.why, /no answer/)
  assert.equal(report.silent[20]!.node, '9 more')
})

story('nothing but nonsense from a client counts as silence', async (world) => {
  const there = await started(world)
  there.steering.link('c1')
  there.steering.answer = async () => ({ circuits: 'many' }) as never
  const report = await acted(there, '/v1/circuits/a/force', { to: 'probe', reason: 'look' })
  assert.deepEqual([report.clients, report.silent[0]!.why], [0, 'its answer makes no sense'])
  assert.deepEqual(await standing(there), [])
})

story('a data centre is isolated for all topics, and restored by whoever comes', async (world) => {
  const there = await started(world)
  there.steering.link('c1')
  await acted(there, '/v1/idcs/sh/isolate', { reason: 'fire' })
  const [word] = await standing(there)
  assert.deepEqual([word!.topic, word!.what, word!.idc, word!.to], ['*', 'queues', 'sh', 'open'])
  const { body } = await say(there.url, 'GET', '/v1/idcs')
  const idcs = body.idcs as { idc: string; isolated: unknown[] }[]
  assert.deepEqual(
    idcs.map(({ idc, isolated }) => [idc, isolated.length]),
    [
      ['sh', 1],
      ['sz', 0],
    ],
  )
  await acted(there, '/v1/idcs/sh/restore', { reason: 'it was a drill' }, { operator: 'piet' })
  assert.deepEqual(await standing(there), [])
  assert.deepEqual(
    there.steering.words.map(({ to, idc }) => [to, idc]),
    [
      ['open', 'sh'],
      ['auto', 'sh'],
    ],
  )
  const whole = { topic: 'account.balance', to: 'open', reason: 'all of them' }
  assert.match((await refused(there, '/v1/queues/force', whole)).message, /force its circuit/)
})

story(
  'a part of an isolation is not restored: what stands is named, and ends whole',
  async (world) => {
    const there = await started(world)
    there.steering.link('c1')
    await acted(there, '/v1/idcs/sh/isolate', { reason: 'fire' })
    const part = { topic: 'account.balance', reason: 'this one is well' }
    const inVain = await refused(there, '/v1/idcs/sh/restore', part)
    assert.deepEqual([inVain.status, inVain.code], [409, 'conflict'])
    assert.match(inVain.message, /olga has forced queues of all topics in sh open .* end that/)
    assert.deepEqual(
      there.steering.words.map(({ to }) => to),
      ['open'],
    )
    // Whoever isolates one topic more is heard of as well, and ends with the whole.
    const one = { topic: 'account.balance', reason: 'and this for longer', forMs: 90_000 }
    await acted(there, '/v1/idcs/sh/isolate', one)
    assert.equal((await standing(there)).length, 2)
    await acted(there, '/v1/idcs/sh/restore', part)
    assert.equal((await standing(there)).length, 1)
    await acted(there, '/v1/idcs/sh/isolate', one)
    await acted(there, '/v1/idcs/sh/restore', { reason: 'the fire is out' })
    assert.deepEqual(await standing(there), [])
    const kept = [...there.steering.kept.values()].map(({ order }) => (order as { to: string }).to)
    assert.deepEqual(kept, ['auto', 'auto'])
  },
)

story(
  'there is no circuit of all topics: who forces it hears what to do instead',
  async (world) => {
    const there = await started(world)
    const body = { to: 'open', reason: 'stop everything' }
    const { status, code, message } = await refused(there, '/v1/circuits/*/force', body)
    assert.deepEqual([status, code], [400, 'invalid_argument'])
    assert.match(message, /^topic: must be one topic.*force queues.*isolate a data centre/)
  },
)

story(
  'of as many words as clients go by one more is refused, and the others stand',
  async (world) => {
    const there = await started(world)
    const word = (instance: string) => ({ topic: 'a', instance, to: 'open', reason: 'sick' })
    for (let i = 0; i < 100; i++) await acted(there, '/v1/queues/force', word(`r${i}`))
    const more = await refused(there, '/v1/queues/force', word('r100'))
    assert.deepEqual([more.status, more.code], [429, 'too_many'])
    await acted(there, '/v1/queues/force', word('r7'))
    await acted(there, '/v1/circuits/a/force', { to: 'open', reason: 'another kind' })
    assert.equal((await standing(there)).length, 101)
  },
)

story('a broker that keeps no more orders leaves every word as it was', async (world) => {
  const there = await started(world)
  const { steering } = there
  steering.link('c1')
  const one = { topic: 'account.balance', instance: 'r1', to: 'open', reason: 'sick' }
  await acted(there, '/v1/queues/force', one)
  steering.mostKept = 1
  const all = { topic: 'account.balance', idc: 'sz', to: 'open', reason: 'all of them' }
  const none = await refused(there, '/v1/queues/force', all)
  assert.deepEqual([none.status, none.code], [429, 'too_many'])
  assert.match(none.message, /1 orders are kept/)
  assert.deepEqual(
    (await standing(there)).map(({ instance, to }) => [instance, to]),
    [['r1', 'open']],
  )
  assert.deepEqual([steering.kept.size, steering.words.length], [1, 1])
})
