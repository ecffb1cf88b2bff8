/** What a handler can know of its call: time, signal, trace; and the calls it makes on behalf of it. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { BusError } from '../rr-client/index.ts'
import { service } from './support/service.ts'
import { AT_ONCE_MS, ending, failure, story, until } from './support/world.ts'

story(
  'a handler that never returns: the call ends at its deadline, and the signal says so',
  async (world) => {
    const reasons: BusError[] = []
    const { bus, answerer } = await service(world, (_body, { signal }) => {
      return new Promise(() => {
        signal.addEventListener('abort', () => reasons.push(signal.reason as BusError))
      })
    })
    const error = await failure(
      bus.request('work.one', {}, { timeoutMs: 150 }),
      'deadline_exceeded',
    )
    assert.deepEqual([error.outcome, error.details.attempts], ['unknown', 1])
    assert.ok(error.ms > 100 && error.ms < 150 + AT_ONCE_MS, `${error.ms} ms`)
    await until('the signal has aborted', () => reasons.length === 1)
    assert.equal(reasons[0]!.code, 'deadline_exceeded')
    assert.equal(answerer.snapshot().answering[0]!.running, 1, 'it does run on, and is seen to')
  },
)

story(
  'a caller that aborts: cancelled, the signal aborts within a moment, queued copies never start',
  async (world) => {
    const started: number[] = []
    const aborted: BusError[] = []
    const { bus, broker } = await service(
      world,
      ({ i }: { i: number }, { signal }) => {
        started.push(i)
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.push(signal.reason as BusError)
            resolve('stopped')
          })
        })
      },
      { concurrency: 1, prefetch: 1 },
    )
    const reason = new Error('the user has left')
    const abort = new AbortController()
    const calls = Array.from({ length: 6 }, (_, i) =>
      failure(bus.request('work.one', { i }, { signal: abort.signal }), 'cancelled'),
    )
    await until('one runs, one is held, four wait', () => {
      const [queue] = broker.snapshot().topics.find(({ topic }) => topic === 'work.one')!.queues
      return started.length === 1 && queue!.waiting === 4 && queue!.unanswered === 2
    })
    abort.abort(reason)
    for (const error of await Promise.all(calls)) assert.equal(error.cause, reason)
    await until('the signal has aborted', () => aborted.length === 1)
    assert.equal(aborted[0]!.code, 'cancelled')
    await until('the queue is empty', () => {
      const [queue] = broker.snapshot().topics.find(({ topic }) => topic === 'work.one')!.queues
      return queue!.waiting + queue!.unanswered === 0
    })
    assert.deepEqual(started, [0])
    const error = await failure(bus.request('work.one', {}, { signal: abort.signal }), 'cancelled')
    assert.deepEqual([error.outcome, error.cause], ['not_executed', reason])
  },
)

story('a signal that is looked at late tells the same', async (world) => {
  let late: AbortSignal | undefined
  const { bus } = await service(world, async (_body, ctx) => {
    await pause(120)
    late = ctx.signal
  })
  await failure(bus.request('work.one', {}, { timeoutMs: 50 }), 'deadline_exceeded')
  await until('looked at', () => late !== undefined)
  await until('it has aborted', () => late!.aborted)
})

story('a handler knows its call', async (world) => {
  let known: Record<string, unknown> = {}
  const broker = await world.broker({ idc: 'sz' })
  const answerer = await world.connect(broker.url, { idc: 'sz' })
  await answerer.reply('work.one', (_body, ctx) => {
    const { attempt, correlationId, topic, headers, idc } = ctx
    known = { attempt, correlationId, topic, headers: { ...headers }, idc }
    return ctx.remainingMs()
  })
  const bus = await world.connect(broker.url, { idc: 'sz', label: 'blue' })
  const left = await bus.request('work.one', {}, { timeoutMs: 700, headers: { a: 'b' } })
  // A call is given a millisecond more than it asked for, so that it never ends early.
  assert.ok(left <= 701 && left > 300, `${left} ms left of 700`)
  const { correlationId, ...rest } = known
  assert.deepEqual(rest, { attempt: 1, topic: 'work.one', headers: { a: 'b' }, idc: 'sz' })
  assert.ok((correlationId as string).startsWith(bus.instance))
})

story('a nested call has less time, keeps the trace, and tells its own trouble', async (world) => {
  const broker = await world.broker()
  const inner = await world.connect(broker.url, { name: 'inner' })
  await inner.reply('work.inner', async (_body, ctx) => ({
    left: ctx.remainingMs(),
    headers: { ...ctx.headers },
  }))
  const outer = await world.connect(broker.url, { name: 'outer' })
  await outer.reply('work.outer', async (_body, ctx) => {
    const left = ctx.remainingMs()
    const reply = await ctx.request('work.inner', {}, { timeoutMs: 60_000, headers: { own: 'x' } })
    return { left, inner: reply }
  })
  const bus = await world.connect(broker.url)
  const headers = { traceparent: '00-1-2-01', private: 'stays' }
  const reply = await bus.request('work.outer', {}, { timeoutMs: 500, headers })
  assert.ok(reply.left <= 501)
  assert.ok(reply.inner.left < reply.left, `${reply.inner.left} of ${reply.left}`)
  assert.deepEqual(reply.inner.headers, { traceparent: '00-1-2-01', own: 'x' })
})

story('a nested call dies with its parent, and none begins after', async (world) => {
  const broker = await world.broker()
  const aborted: string[] = []
  const started: string[] = []
  const inner = await world.connect(broker.url, { name: 'inner' })
  await inner.reply('work.inner', ({ id }: { id: string }, { signal }) => {
    started.push(id)
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        aborted.push(id)
        resolve(undefined)
      })
    })
  })
  const outer = await world.connect(broker.url, { name: 'outer' })
  const heard: unknown[] = []
  await outer.reply('work.outer', async ({ id }: { id: string }, ctx) => {
    heard.push(await ending(ctx.request('work.inner', { id })))
    heard.push(await ending(ctx.request('work.inner', { id: `${id}-after` })))
  })
  const bus = await world.connect(broker.url)
  const abort = new AbortController()
  const call = failure(
    bus.request('work.outer', { id: 'one' }, { signal: abort.signal, timeoutMs: 10_000 }),
    'cancelled',
  )
  await until('the inner one runs', () => started.length === 1)
  abort.abort()
  await call
  await until('the inner one is stopped', () => aborted.length === 1)
  await until('both nested calls ended', () => heard.length === 2)
  const [first, second] = heard as { error: BusError }[]
  assert.equal(first!.error.code, 'cancelled')
  assert.deepEqual([second!.error.code, second!.error.outcome], ['cancelled', 'not_executed'])
  assert.deepEqual(started, ['one'])
})
