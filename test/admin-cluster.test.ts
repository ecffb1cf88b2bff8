/** Many brokers seen from one: peers that answer, are slow, say nonsense, or are gone; clients that told several. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterSnapshot, Trace } from '../broker/admin/api.ts'
import { inOrder } from '../broker/admin/trace-order.ts'
import type { TraceEvent } from '../bus/trace.ts'
import { impostor } from './support/registry.ts'
import { type Admin, admin, FakeSteering, say, topicReport } from './support/steering.ts'
import { story, type World } from './support/world.ts'

const peerOf = async (world: World, id: string, idc: string, life: number): Promise<Admin> => {
  const steering = new FakeSteering(id, idc, life)
  steering.limits.set('account.balance', { maxDepth: 10, maxDepthBytes: 4_096 })
  return admin(world, steering)
}

const pair = async (world: World): Promise<{ one: Admin; other: Admin }> => {
  const other = await peerOf(world, 'b2', 'sh', 2)
  const steering = new FakeSteering('b1', 'sz', 1)
  const one = await admin(world, steering, { options: { peers: [other.url] } })
  return { one, other }
}

const snapshotOf = async ({ url }: Pick<Admin, 'url'>, scope = ''): Promise<ClusterSnapshot> => {
  const { status, body } = await say(url, 'GET', `/v1/snapshot${scope}`)
  assert.equal(status, 200)
  return body as unknown as ClusterSnapshot
}

const act = async (url: string, path: string, body: object, method = 'POST') => {
  const { status, body: said } = await say(url, method, path, body, { 'x-finbus-operator': 'olga' })
  return { status, ...(said as { [key: string]: unknown }) } as {
    status: number
    [key: string]: unknown
  }
}

story('one broker shows all, and of each client the newest word', async (world) => {
  const { one, other } = await pair(world)
  const client = one.steering.link('c1', 'teller')
  other.steering.link('c1', 'teller')
  other.steering.report(client, { n: 4, inFlight: 4 })
  one.steering.report(client, { n: 5, inFlight: 5, topics: [topicReport('account.balance')] })
  one.steering.report(one.steering.link('c2'), { n: 1 })
  const all = await snapshotOf(one)
  assert.deepEqual(
    all.brokers.map(({ id, idc, state }) => [id, idc, state]),
    [
      ['b1', 'sz', 'open'],
      ['b2', 'sh', 'open'],
    ],
  )
  assert.deepEqual(
    all.clients.map(({ instance, n, broker }) => [instance, n, broker]),
    [
      ['c1', 5, 'b1'],
      ['c2', 1, 'b1'],
    ],
  )
  assert.equal((await snapshotOf(one, '?scope=broker')).brokers.length, 1)
  const { body } = await say(one.url, 'GET', '/v1/topics/account.balance')
  const [topic] = body.topics as { requesters: number; brokers: unknown[] }[]
  assert.deepEqual([topic!.requesters, topic!.brokers.length], [1, 1])
})

story(
  'a peer that falls silent, or talks nonsense, is unknown, with what was last seen of it',
  async (world) => {
    const steering = new FakeSteering('b1', 'sz', 1)
    let answer = (): { status?: number; text: string } | undefined => undefined
    const url = await impostor(world, () => answer())
    const other = await peerOf(world, 'b2', 'sh', 2)
    const told = JSON.stringify(await snapshotOf(other, '?scope=broker'))
    const one = await admin(world, steering, { options: { peers: [url] } })

    const seen = async () => {
      steering.at += 1_000
      return (await snapshotOf(one)).brokers[1]!
    }
    const silent = await seen()
    assert.deepEqual(
      [silent.id, silent.state, silent.view, silent.ageMs],
      [url, 'unknown', null, null],
    )
    assert.match(silent.error!, /no answer within 800 ms/)

    answer = () => ({ text: told })
    const known = await seen()
    assert.deepEqual([known.id, known.state, known.ageMs, known.admin], ['b2', 'open', 0, url])

    const wrong: [{ status?: number; text: string }, RegExp][] = [
      [{ text: 'hello' }, /makes no sense/],
      [{ text: '[]' }, /makes no sense/],
      [{ text: '{"at":"<b>"}' }, /makes no sense at at/],
      [{ text: told.replace('"asked":"b2"', '"asked":"b7"') }, /does not speak of itself/],
      [
        { status: 401, text: '{"error":{"code":"unauthenticated","message":"unknown token"}}' },
        /HTTP 401: unknown token/,
      ],
      [{ status: 500, text: '' }, /HTTP 500/],
      [{ text: 'x'.repeat(17 * 1_048_576) }, /larger than|within 800 ms/],
    ]
    for (const [said, why] of wrong) {
      answer = () => said
      const { id, state, error, view } = await seen()
      assert.deepEqual([id, state, view?.id], ['b2', 'unknown', 'b2'])
      assert.match(error!, why)
    }
    assert.equal(steering.state, 'open')
  },
)

story('a peer that is this broker, or another one twice, is shown once', async (world) => {
  const other = await peerOf(world, 'b2', 'sh', 2)
  const twin = await impostor(world, () => undefined)
  const steering = new FakeSteering('b1', 'sz', 1)
  const own = await admin(world, new FakeSteering('b1', 'sz', 1))
  const peers = [other.url, own.url, other.url.replace('127.0.0.1', 'localhost'), twin]
  const one = await admin(world, steering, { options: { peers } })
  const ids = (await snapshotOf(one)).brokers.map(({ id }) => id)
  assert.deepEqual(ids, ['b1', 'b2', twin])
})

story(
  'an action on a named broker is passed on; one on all reaches all and names who did not',
  async (world) => {
    const { one, other } = await pair(world)
    one.steering.limits.set('account.balance', { maxDepth: 1, maxDepthBytes: 1_024 })
    const path = '/v1/topics/account.balance/limits'
    const named = await act(one.url, path, { maxDepth: 7, broker: 'b2', reason: 'x' }, 'PATCH')
    assert.deepEqual(named.after, { b2: { maxDepth: 7, maxDepthBytes: 4_096 } })
    assert.equal(one.steering.limits.get('account.balance')!.maxDepth, 1)
    const both = await act(one.url, path, { maxDepth: 9, reason: 'x' }, 'PATCH')
    assert.equal(both.brokers, 2)
    assert.deepEqual(both.before, {
      b1: { maxDepth: 1, maxDepthBytes: 1_024 },
      b2: { maxDepth: 7, maxDepthBytes: 4_096 },
    })
    const drained = await act(one.url, '/v1/brokers/b2/drain', { withinMs: 100, reason: 'kernel' })
    assert.deepEqual(drained.after, { b2: { state: 'drained', handedBack: 3, abandoned: 0 } })
    assert.equal((await say(other.url, 'GET', '/readyz')).status, 503)
    assert.equal((await say(one.url, 'GET', '/readyz')).status, 200)
    // Each of them knows who it was.
    const { body } = await say(other.url, 'GET', '/v1/audit')
    const entries = body.entries as { who: string; action: string }[]
    assert.deepEqual(
      entries.map(({ who, action }) => [who, action]),
      [
        ['olga', 'limits'],
        ['olga', 'limits'],
        ['olga', 'drain'],
      ],
    )
    const unknown = await act(one.url, '/v1/brokers/b3/drain', { reason: 'x' })
    assert.equal(unknown.status, 404)
    await other.server.close()
    const half = await act(one.url, path, { maxDepth: 11, reason: 'x' }, 'PATCH')
    assert.deepEqual([half.brokers, (half.silent as { node: string }[])[0]!.node], [1, 'b2'])
    const lost = await act(one.url, '/v1/brokers/b2/resume', { reason: 'x' })
    assert.equal(lost.status, 503)
  },
)

story(
  'a word that was said at one broker is in the way of operators at another, and is ended there',
  async (world) => {
    const { one, other } = await pair(world)
    for (const { steering } of [one, other]) steering.link('c1')
    const path = '/v1/circuits/account.balance/force'
    await act(other.url, path, { to: 'open', reason: 'ledger' })
    const body = { to: 'closed', reason: 'complaints' }
    const piet = { 'x-finbus-operator': 'piet' }
    const conflict = await say(one.url, 'POST', path, body, piet)
    assert.equal(conflict.status, 409)
    const done = await say(one.url, 'POST', path, { ...body, replace: true }, piet)
    assert.equal(done.status, 200, JSON.stringify(done.body))
    assert.equal(other.steering.kept.size, 0)
    // The other broker forgets; only this one speaks to clients.
    assert.deepEqual(
      other.steering.words.map(({ to }) => to),
      ['open'],
    )
    assert.deepEqual(
      one.steering.words.map(({ to }) => to),
      ['closed'],
    )
    const { forces } = await snapshotOf(one)
    assert.deepEqual(
      forces.map(({ by, broker }) => [by, broker]),
      [['piet', 'b1']],
    )
  },
)

const event = (more: Partial<TraceEvent>): TraceEvent => ({
  ...{ agoMs: 0, role: 'broker', node: 'b1', what: 'queued', attempt: 1 },
  ...more,
})

story(
  'a trace is put together of brokers, requester and responder; who is silent is named',
  async (world) => {
    const { one, other } = await pair(world)
    const { steering } = one
    steering.link('c1', 'teller')
    steering.link('r1', 'accounts')
    steering.remembered = [
      event({ agoMs: 40, instance: 'r1' }),
      event({ agoMs: 30, what: 'dispatched' }),
    ]
    other.steering.remembered = [event({ agoMs: 500, node: 'b2', what: 'refused', instance: 'r2' })]
    steering.answer = async (instance) => ({
      trace:
        instance === 'c1'
          ? [event({ agoMs: 600, role: 'requester', node: 'c1', what: 'accepted' })]
          : [event({ agoMs: 20, role: 'responder', node: 'r1', what: 'started' })],
    })
    const { body } = await say(one.url, 'GET', '/v1/trace/c1-7')
    const trace = body as unknown as Trace
    assert.deepEqual(
      trace.events.map(({ what, nodeName }) => [what, nodeName]),
      [
        ['accepted', 'teller'],
        ['refused', 'b2'],
        ['queued', 'b1'],
        ['dispatched', 'b1'],
        ['started', 'accounts'],
      ],
    )
    assert.deepEqual([trace.isKnown, trace.silent.map(({ node }) => node)], [true, ['r2']])
    await other.server.close()
    steering.linked.delete('c1')
    const less = (await say(one.url, 'GET', '/v1/trace/c1-7')).body as unknown as Trace
    assert.deepEqual(less.silent.map(({ node }) => node).sort(), ['c1', other.url].sort())
  },
)

test('clocks of nodes differ by little: what was sent before it was taken in is shown before', () => {
  const at = (at: number, more: Partial<TraceEvent>) => {
    const { agoMs: _, ...rest } = event(more)
    return { ...rest, at, nodeName: rest.node }
  }
  const told = [
    at(100, { what: 'queued' }),
    at(100, { what: 'dispatched' }),
    at(103, { what: 'replied' }),
    at(102, { role: 'requester', node: 'c1', what: 'accepted' }),
    at(102, { role: 'requester', node: 'c1', what: 'sent' }),
    at(105, { role: 'requester', node: 'c1', what: 'settled' }),
    at(97, { role: 'responder', node: 'r1', what: 'received' }),
    at(100, { role: 'responder', node: 'r1', what: 'replied' }),
  ]
  const order = inOrder(told).map(({ role, what, at }) => `${at} ${role} ${what}`)
  assert.deepEqual(order, [
    ...['100 requester accepted', '100 requester sent', '100 broker queued'],
    ...['100 broker dispatched', '100 responder received', '103 responder replied'],
    ...['103 broker replied', '103 requester settled'],
  ])
})

test('many events of a hostile node are put in order at once', () => {
  const many = Array.from({ length: 200_000 }, (_, at) => ({
    ...{ at, role: 'requester', node: 'c1', nodeName: 'c1', what: 'sent', attempt: 1 },
    ...(at % 2 === 0 && { role: 'broker', node: 'b1', what: 'queued' }),
  })) as Trace['events']
  assert.equal(inOrder(many).length, many.length)
})

story('what many ask for at once is put together once, and anew after an action', async (world) => {
  const there = await admin(world, new FakeSteering('b1'))
  const { steering, url } = there
  let made = 0
  const snapshot = steering.snapshot.bind(steering)
  steering.snapshot = () => {
    made += 1
    return snapshot()
  }
  const ask = (operator: string, scope: string) =>
    say(url, 'GET', `/v1/snapshot?scope=${scope}`, undefined, { 'x-finbus-operator': operator })
  const scopes = ['broker', 'cluster', 'broker', 'cluster']
  const all = await Promise.all(scopes.map((scope, i) => ask(`olga-${i}`, scope)))
  assert.deepEqual([new Set(all.map(({ status }) => status)), made], [new Set([200]), 1])
  steering.link('c1')
  await act(url, '/v1/circuits/a/force', { to: 'open', reason: 'x' })
  const { body } = await ask('olga', 'broker')
  assert.equal((body.forces as unknown[]).length, 1)
  steering.at += 251
  const before = made
  await ask('olga', 'cluster')
  assert.equal(made, before + 1)
})

story('a data centre may be called as something that every object has', async (world) => {
  const there = await admin(world, new FakeSteering('b1', 'constructor'))
  const { steering, url } = there
  const client = steering.link('c1')
  const sent = { constructor: 7, toString: 2 } as unknown as Record<string, number>
  const topics = [topicReport('a', { sentTo: sent }), topicReport('b', { sentTo: sent })]
  steering.report(client, { topics })
  const { body } = await say(url, 'GET', '/v1/idcs')
  const [part] = body.idcs as { idc: string; sentTo: Record<string, number> }[]
  assert.deepEqual(
    [part!.idc, { ...part!.sentTo }],
    ['constructor', { constructor: 14, toString: 4 }],
  )
})

story('a call that nobody remembers is not known, which is no error', async (world) => {
  const { one } = await pair(world)
  for (const id of ['c9-1', 'no-such-thing', '%3Cscript%3E']) {
    const { status, body } = await say(one.url, 'GET', `/v1/trace/${id}`)
    assert.deepEqual([status, body.isKnown, body.events], [200, false, []])
  }
  const long = await say(one.url, 'GET', `/v1/trace/${'x'.repeat(300)}`)
  assert.equal(long.status, 400)
})

story('the timeline of all is one, in the order in which it happened', async (world) => {
  const { one, other } = await pair(world)
  one.steering.watcher!.advised({ kind: 'draining', deliveries: 3 })
  other.steering.watcher!.advised({ kind: 'resumed' })
  const { body } = await say(one.url, 'GET', '/v1/timeline')
  const entries = body.entries as { broker: string; text: string }[]
  assert.deepEqual(entries.map(({ broker }) => broker).sort(), ['b1', 'b2'])
  const own = await say(one.url, 'GET', '/v1/timeline?scope=broker')
  assert.equal((own.body.entries as unknown[]).length, 1)
  await other.server.close()
  const half = await say(one.url, 'GET', '/v1/timeline')
  assert.deepEqual(
    (half.body.silent as { node: string }[]).map(({ node }) => node),
    [other.url],
  )
})
