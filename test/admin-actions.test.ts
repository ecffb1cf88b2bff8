/** What operators do to topics, brokers and sessions by the admin API, and what is remembered of it. */
import assert from 'node:assert/strict'
import { BusError, ServiceError } from '../bus/errors.ts'
import { acted, audited, LIMITS, refused, started } from './support/admin-acts.ts'
import { say } from './support/steering.ts'
import { story, until } from './support/world.ts'

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
