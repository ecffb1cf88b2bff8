/** What operators do by the admin API: what reaches the broker and its clients, and what is remembered of it. */
import assert from 'node:assert/strict'
import type { ActionReport, AuditEntry, StandingForce } from '../broker/admin/api.ts'
import { BusError, ServiceError } from '../bus/errors.ts'
import { type Admin, admin, FakeSteering, say } from './support/steering.ts'
import { story, until, type World } from './support/world.ts'

const LIMITS = { maxDepth: 10, maxDepthBytes: 4_096 }

const started = async (world: World, options = {}): Promise<Admin> => {
  const steering = new FakeSteering('b1')
  steering.limits.set('account.balance', { ...LIMITS })
  return admin(world, steering, { options })
}

const acted = async (
  { url }: Admin,
  path: string,
  body: object,
  { method = 'POST', operator = 'olga' } = {},
): Promise<ActionReport> => {
  const said = await say(url, method, path, body, { 'x-finbus-operator': operator })
  assert.equal(said.status, 200, JSON.stringify(said.body))
  return said.body as unknown as ActionReport
}

const refused = async (
  { url }: Admin,
  path: string,
  body: unknown,
  { method = 'POST', operator = 'olga' } = {},
) => {
  const said = await say(url, method, path, body, { 'x-finbus-operator': operator })
  assert.ok(said.status >= 400, JSON.stringify(said.body))
  return { status: said.status, ...said.body.error }
}

const audited = async ({ url }: Admin): Promise<AuditEntry[]> =>
  (await say(url, 'GET', '/v1/audit')).body.entries as AuditEntry[]

const standing = async ({ url }: Admin): Promise<StandingForce[]> =>
  (await say(url, 'GET', '/v1/snapshot')).body.forces as StandingForce[]

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

story('limits: what is not named stays as it was', async (world) => {
  const there = await started(world)
  const path = '/v1/topics/account.balance/limits'
  const method = 'PATCH'
  const report = await acted(there, path, { maxDepth: 500, reason: 'month end' }, { method })
  assert.deepEqual(report.before, { b1: LIMITS })
  assert.deepEqual(report.after, { b1: { ...LIMITS, maxDepth: 500 } })
  assert.deepEqual(there.steering.limits.get('account.balance'), { ...LIMITS, maxDepth: 500 })
  const none = await refused(there, path, { reason: 'x' }, { method })
  assert.match(none.message, /maxDepth, maxDepthBytes or both/)
  const unknown = await refused(
    there,
    '/v1/topics/none/limits',
    { maxDepth: 1, reason: 'x' },
    { method },
  )
  assert.equal(unknown.status, 404)
  const typo = await refused(there, path, { maxDeph: 1, reason: 'x' }, { method })
  assert.match(typo.message, /did you mean maxDepth/)
})

story('hold, release and kick reach the broker, and say what they changed', async (world) => {
  const there = await started(world)
  const { steering } = there
  const client = steering.link('r1')
  const hold = { instance: 'r1', forMs: 9_000, reason: 'sick\u0007 disk' }
  const held = await acted(there, '/v1/topics/account.balance/hold', hold)
  assert.deepEqual(held.after, { b1: { held: 'r1', forMs: 9_000 } })
  assert.deepEqual(steering.calls, [['hold', 'account.balance', 'r1', 'sick  disk', 9_000]])
  assert.equal((await refused(there, '/v1/topics/none/hold', hold)).status, 404)
  await acted(there, '/v1/topics/account.balance/release', { instance: 'r1', reason: 'well' })
  assert.equal(steering.held.size, 0)
  const kicked = await acted(there, '/v1/sessions/r1/kick', { banMs: 60_000, reason: 'it floods' })
  assert.deepEqual(kicked.before, { b1: client })
  assert.equal((await refused(there, '/v1/sessions/r1/kick', { reason: 'again' })).status, 404)
})

story(
  'a drain makes the broker unready before anything else, and answers when it is over',
  async (world) => {
    const there = await started(world)
    const { steering, url } = there
    let end = (): void => {}
    steering.drained = new Promise((resolve) => {
      end = () => resolve({ handedBack: 4, abandoned: 1 })
    })
    assert.equal((await say(url, 'GET', '/readyz')).status, 200)
    const draining = acted(there, '/v1/brokers/b1/drain', { withinMs: 700, reason: 'new kernel' })
    await until('it drains', () => steering.state === 'draining')
    assert.equal((await say(url, 'GET', '/readyz')).status, 503)
    assert.equal((await say(url, 'GET', '/livez')).status, 200)
    end()
    assert.deepEqual((await draining).after, {
      b1: { state: 'drained', handedBack: 4, abandoned: 1 },
    })
    await acted(there, '/v1/brokers/b1/resume', { reason: 'done' })
    assert.equal((await say(url, 'GET', '/readyz')).status, 200)
    const other = await refused(there, '/v1/brokers/b2/drain', { reason: 'x' })
    assert.deepEqual([other.status, /no broker b2 .* there is b1/.test(other.message)], [404, true])
  },
)

story('what makes no sense is refused by name, and audited', async (world) => {
  const there = await started(world)
  const path = '/v1/circuits/account.balance/force'
  const wrong: [string, unknown, RegExp][] = [
    [path, { to: 'open' }, /^reason: /],
    [path, { to: 'open', reason: '  ' }, /^reason: must say why/],
    [path, { to: 'open', reason: 'x'.repeat(501) }, /^reason: /],
    [path, { to: 'open', reason: 'x', forMs: 0 }, /^forMs: /],
    [path, { to: 'open', reason: 'x', forms: 1 }, /did you mean forMs/],
    [path, { to: 'opened', reason: 'x' }, /^to: /],
    [path, [], /the body/],
    [path, '{', /not JSON/],
    ['/v1/circuits/a..b/force', { to: 'open', reason: 'x' }, /^topic: must be a topic/],
    ['/v1/sessions/%3Cb%3E/kick', { reason: 'x' }, /^instance: /],
  ]
  for (const [where, body, message] of wrong) {
    const { status, ...error } = await refused(there, where, body)
    assert.deepEqual([status, error.code], [400, 'invalid_argument'], error.message)
    assert.match(error.message, message)
  }
  const large = await refused(there, path, { to: 'open', reason: 'x'.repeat(70_000) })
  assert.deepEqual([large.status, large.code], [413, 'too_large'])
  const deep = `{"to":${'['.repeat(20_000)}${']'.repeat(20_000)},"reason":"x"}`
  assert.match((await refused(there, path, deep)).message, /^to: .*nested too deeply/)
  assert.equal((await audited(there)).length, wrong.length + 2)
  assert.deepEqual(there.steering.orders, [])
})

story('a request by hand ends as the call did; without a client there is none', async (world) => {
  const without = await started(world)
  const none = await refused(without, '/v1/request', {})
  assert.deepEqual([none.status, none.code], [501, 'not_there'])
  assert.deepEqual(
    (await audited(without)).map(({ action, outcome }) => [action, outcome]),
    [['request', 'refused']],
  )

  const ends: Record<string, () => Promise<{ reply: unknown }>> = {
    bytes: async () => ({ reply: Buffer.from('hello') }),
    late: async () => {
      const details = { correlationId: 'c1-9' }
      throw new BusError('deadline_exceeded', 'no reply within 5 ms', { details })
    },
    poor: async () => {
      throw new ServiceError('INSUFFICIENT_FUNDS', 'no <b>money</b>')
    },
  }
  const there = await started(world, { tryIt: (topic: string) => ends[topic]!() })
  const ask = (topic: string) => acted(there, '/v1/request', { topic, body: {} }) as Promise<object>
  assert.deepEqual(
    { ...(await ask('bytes')), tookMs: 0 },
    {
      ...{ tookMs: 0, correlationId: null, ok: { base64: 'aGVsbG8=' } },
    },
  )
  const late = (await ask('late')) as {
    correlationId: string
    error: { code: string; outcome: string }
  }
  assert.deepEqual(
    [late.correlationId, late.error.code, late.error.outcome],
    ['c1-9', 'deadline_exceeded', 'unknown'],
  )
  const poor = (await ask('poor')) as { error: { code: string; outcome: string } }
  assert.deepEqual([poor.error.code, poor.error.outcome], ['INSUFFICIENT_FUNDS', 'executed'])
  const large = { topic: 'bytes', body: 'x'.repeat(900_000) }
  await acted(there, '/v1/request', large)
  assert.equal(
    (await refused(there, '/v1/request', { topic: 'bytes', body: 'x'.repeat(1_100_000) })).status,
    413,
  )
})
