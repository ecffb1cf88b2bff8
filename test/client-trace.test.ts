/** What a client remembers of calls while a broker looks at it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TraceEvent } from '../bus/trace.ts'
import { CallTrace } from '../rr-client/core/call-trace.ts'
import { correlationIdOf } from '../rr-client/core/failure.ts'
import type { ClientNode } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { town } from './virtual/town.ts'

/** As if every broker had said so. */
const observe = (everyMs: number, ...clients: ClientNode[]): void => {
  for (const client of clients) {
    client.step((now) => {
      for (const link of client.links) {
        client.core.observation.onObserve(now, link, { everyMs, maxBytes: 65_536 })
      }
    })
  }
}

const traceOf = (client: ClientNode, correlationId: string): TraceEvent[] =>
  client.core.observation.traceOf(client.now, correlationId) ?? []

const storyOf = (events: readonly TraceEvent[]): string[] =>
  events.map(({ what, attempt, reason }) => [what, attempt, reason].filter(Boolean).join(' '))

describe('a call that is looked at', () => {
  test('is remembered at both ends, with when, where and how it ended', () => {
    const { world, r, y } = town(1, replies(5))
    observe(1_000, r, y)
    const call = r.call()
    world.run(100)
    const asked = traceOf(r, r.idOf(call))
    assert.deepEqual(storyOf(asked), ['accepted', 'sent 1', 'settled 1 ok'])
    assert.ok(asked.every(({ role, node }) => role === 'requester' && node === r.instance))
    assert.deepEqual([asked[1]?.instance, asked[1]?.topic], [y.instance, 'account.balance'])
    assert.ok(asked[1]!.queue! > 0)
    assert.equal(asked[0]!.agoMs - asked[2]!.agoMs, call.tookMs)
    assert.equal(asked[2]!.agoMs, 100 - call.tookMs)
    const answered = traceOf(y, r.idOf(call))
    assert.deepEqual(storyOf(answered), [
      'received 1',
      'started 1',
      'finished 1 ok',
      'replied 1 b1',
    ])
    assert.ok(answered.every(({ role, node }) => role === 'responder' && node === y.instance))
  })

  test('that nobody answers, that fails, that is cancelled', () => {
    const { world, r, y } = town(1, (execution) => {
      if (execution.body === 'bad') execution.fail(1)
    })
    observe(1_000, r, y)
    const nobody = r.call({ topic: 'account.none' })
    const bad = r.call({ body: 'bad' })
    const cancelled = r.call({ body: 'slow' })
    const late = r.call({ body: 'slow', timeoutMs: 50 })
    world.run(20)
    r.cancel(cancelled)
    world.run(100)
    assert.deepEqual(storyOf(traceOf(r, r.idOf(nobody))), ['accepted', 'settled no_responder'])
    assert.equal(storyOf(traceOf(r, r.idOf(bad))).at(-1), 'settled 1 handler_failed')
    assert.ok(storyOf(traceOf(y, r.idOf(bad))).includes('finished 1 handler_failed'))
    const [accepted, sent, ...rest] = storyOf(traceOf(r, r.idOf(cancelled)))
    assert.deepEqual([accepted, sent], ['accepted', 'sent 1'])
    assert.deepEqual(rest, ['cancelled 1', 'settled 1 cancelled'])
    assert.ok(storyOf(traceOf(y, r.idOf(cancelled))).includes('cancelled 1'))
    assert.equal(storyOf(traceOf(r, r.idOf(late))).at(-1), 'settled 1 deadline_exceeded')
  })

  test('whose broker dies shows the loss, the pinned resend, and the copy at the responder', () => {
    const { world, b1, r, y } = town(2, replies(300))
    observe(1_000, r, y)
    const calls = r.callMany(8)
    world.run(20)
    world.kill(b1)
    world.run(2_000)
    assert.ok(calls.every((call) => call.reply !== undefined))
    const hurt = calls.map((call) => r.idOf(call)).find((id) => traceOf(r, id).length > 3)
    assert.ok(hurt !== undefined, 'one of them went by that broker')
    assert.deepEqual(storyOf(traceOf(r, hurt)), [
      'accepted',
      'sent 1',
      'lost 1 link',
      'sent 2 pinned',
      'settled 2 ok',
    ])
    assert.ok(storyOf(traceOf(y, hurt)).includes('received 2 copy'))
  })

  test('that is handed back and sent elsewhere', () => {
    const { world, b1, r, y } = town(1, () => {}, { concurrency: 1, prefetch: 8 })
    const other = world.client('Z')
    observe(1_000, r, y)
    const calls = r.callMany(3, { timeoutMs: 5_000 })
    world.run(20)
    other.answer(replies(1))
    world.run(200)
    for (const registration of y.core.registrations.all) y.unanswer(registration)
    world.run(200)
    const id = r.idOf(calls[2]!)
    assert.ok(b1.isAlive && storyOf(traceOf(y, id)).includes('handed_back 1 draining'))
    const asked = traceOf(r, id)
    assert.deepEqual(storyOf(asked).slice(2, 4), ['refused 1 draining', 'sent 2'])
    assert.equal(asked[3]?.instance, other.instance)
  })
})

describe('what is remembered', () => {
  test('is nothing while nobody looks, and what was then is told still', () => {
    const { world, r } = town(1)
    const before = r.call()
    world.run(50)
    observe(1_000, r)
    const seen = r.call()
    world.run(50)
    observe(0, r)
    const after = r.call()
    world.run(50)
    const told = [before, seen, after].map((call) => traceOf(r, r.idOf(call)).length)
    assert.deepEqual(told, [0, 3, 0])
  })

  test('goes on while a broker that looked is away', () => {
    const { world, b1, r } = town(1)
    observe(1_000, r)
    world.kill(b1)
    world.run(20)
    const call = r.call({ timeoutMs: 300 })
    world.run(500)
    const events = storyOf(traceOf(r, r.idOf(call)))
    assert.deepEqual([events[0], events.length >= 2], ['accepted', true])
    // The next one does not look.
    world.restart('b1')
    world.run(30_000)
    assert.equal(r.core.state.trace, undefined)
  })

  test('has room for so many events; the oldest go first', () => {
    const trace = new CallTrace(4)
    for (let counter = 1; counter <= 6; counter++) trace.late(counter * 10, counter, false)
    const countOf = (counter: number): number =>
      trace.of(100, 'me', { instance: 'me', counter, isLong: false }).length
    assert.deepEqual([1, 2, 3, 4, 5, 6].map(countOf), [0, 0, 1, 1, 1, 1])
    assert.equal(trace.of(100, 'me', { instance: 'me', counter: 6, isLong: true }).length, 0)
    assert.equal(trace.of(100, 'me', { instance: 'you', counter: 6, isLong: false }).length, 0)
  })

  test('is found by the correlation id alone, whatever an instance is called', () => {
    const { world, r } = town(1)
    observe(1_000, r)
    const long = r.call({ timeoutMs: 40_000 })
    world.run(50)
    const id = r.idOf(long)
    assert.equal(id, correlationIdOf(r.instance, { counter: 1, isLong: true }))
    assert.equal(traceOf(r, id).length, 3)
    for (const none of ['', 'x', `${r.instance}-`, `${r.instance}-L`, `${r.instance}-1x`]) {
      assert.equal(r.core.observation.traceOf(r.now, none), undefined, none)
    }
  })
})
