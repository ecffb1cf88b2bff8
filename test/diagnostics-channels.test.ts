/** What a tracer sees of calls, attempts and handlers, and that nothing it does hurts them. */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  type HandleTrace,
  type ReceiveMessage,
  type RequestTrace,
  type SendMessage,
  ServiceError,
} from '../rr-client/index.ts'
import { service } from './support/service.ts'
import { ending, failure, story, until, type World } from './support/world.ts'

type Seen = { event: string; message: object }

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const

/** Listens to one channel, until the story ends. */
const listen = <M>(world: World, name: string, take: (message: M) => void): void => {
  const listener = (message: unknown): void => take(message as M)
  subscribe(name, listener)
  world.later(() => unsubscribe(name, listener))
}

/** All events of a tracing channel, in order. */
const watch = (world: World, name: string): Seen[] => {
  const seen: Seen[] = []
  for (const event of EVENTS) {
    listen<object>(world, `tracing:${name}:${event}`, (message) => seen.push({ event, message }))
  }
  return seen
}

const events = (seen: readonly Seen[]): string => seen.map(({ event }) => event).join(' ')

story('a call, its attempt and its handler are told with what is known of them', async (world) => {
  const { bus, broker, answerer } = await service(world, ({ n }: { n: number }) => ({ n: n + 1 }))
  const calls = watch(world, 'finbus.request')
  const handlers = watch(world, 'finbus.handle')
  const sends: SendMessage[] = []
  const received: ReceiveMessage[] = []
  listen<SendMessage>(world, 'finbus.send', (message) => sends.push(message))
  listen<ReceiveMessage>(world, 'finbus.receive', (message) => received.push(message))

  assert.deepEqual(await bus.request('work.one', { n: 1 }, { headers: { a: 'b' } }), { n: 2 })

  assert.equal(events(calls), 'start end asyncStart asyncEnd')
  assert.equal(new Set(calls.map(({ message }) => message)).size, 1, 'one object all along')
  const call = calls[0]!.message as RequestTrace
  const correlationId = `${bus.instance}-1`
  assert.equal(call.topic, 'work.one')
  assert.equal(call.instance, bus.instance)
  assert.equal(call.idc, 'local')
  assert.deepEqual(call.headers, { a: 'b' })
  assert.deepEqual(
    [call.correlationId, call.attempts, call.outcome, call.code],
    [correlationId, 1, 'executed', 'ok'],
  )
  assert.deepEqual(call.result, { n: 2 })

  const [queue] = broker.snapshot().topics.find(({ topic }) => topic === 'work.one')!.queues
  assert.deepEqual(sends, [
    {
      request: call,
      topic: 'work.one',
      correlationId,
      attempt: 1,
      queue: queue!.queue,
      isPinned: false,
      instance: answerer.instance,
      idc: 'local',
      broker: broker.id,
      headers: {},
    },
  ])
  assert.deepEqual(received, [
    {
      topic: 'work.one',
      group: 'services',
      correlationId,
      attempt: 1,
      instance: answerer.instance,
      requester: bus.instance,
      broker: broker.id,
      queue: queue!.queue,
      isPinned: false,
    },
  ])

  assert.equal(events(handlers), 'start end asyncStart asyncEnd')
  const handler = handlers[0]!.message as HandleTrace
  const { topic, requester, instance, attempt, code } = handler
  assert.deepEqual(
    { topic, requester, instance, attempt, code, id: handler.correlationId },
    {
      topic: 'work.one',
      requester: bus.instance,
      instance: answerer.instance,
      attempt: 1,
      code: 'ok',
      id: correlationId,
    },
  )
  assert.equal(handler.queue, queue!.queue)
  assert.deepEqual({ ...handler.headers }, { a: 'b' })
})

story('failures are told with code, outcome and error, at both ends', async (world) => {
  const thrown: unknown[] = [new ServiceError('NO_FUNDS', 'too little'), new Error('a defect')]
  const { bus } = await service(world, () => {
    throw thrown.shift()
  })
  const calls = watch(world, 'finbus.request')
  const handlers = watch(world, 'finbus.handle')
  const ends = [
    await ending(bus.request('work.one', {})),
    await ending(bus.request('work.one', {})),
    await ending(bus.request('work.nobody', {}, { timeoutMs: 50 })),
    await ending(bus.request('no topic', {})),
    await ending(bus.request('work.one', {}, { headers: 'none' } as never)),
  ]
  const told = calls.filter(({ event }) => event === 'error').map(({ message }) => message)
  assert.deepEqual(
    told.map((message) => (message as RequestTrace).error),
    ends.map(({ error }) => error),
    'the very errors that the callers got',
  )
  assert.deepEqual(
    told.map((message) => {
      const { code, outcome, attempts, correlationId } = message as RequestTrace
      return [code, outcome, attempts, correlationId]
    }),
    [
      ['NO_FUNDS', 'executed', 1, `${bus.instance}-1`],
      ['handler_failed', 'executed', 1, `${bus.instance}-2`],
      ['no_responder', 'not_executed', 0, `${bus.instance}-3`],
      ['invalid_argument', 'not_executed', 0, undefined],
      ['invalid_argument', 'not_executed', 0, undefined],
    ],
  )
  assert.match(ends[4]!.error!.message, /headers/, 'told as it is told without tracers')
  assert.equal(
    events(calls.slice(-5)),
    'start end error asyncStart asyncEnd',
    'what is wrong with the arguments is a rejection like the others',
  )
  assert.deepEqual(
    handlers
      .filter(({ event }) => event === 'asyncEnd')
      .map(({ message }) => (message as HandleTrace).code),
    ['NO_FUNDS', 'handler_failed'],
  )
})

story('headers that a subscriber sets reach the handler; odd ones harm nobody', async (world) => {
  const { bus } = await service(world, (_body, { headers }) => ({ ...headers }))
  listen<RequestTrace>(world, 'tracing:finbus.request:start', ({ headers }) => {
    headers.traceparent = 'of the call'
    headers.baggage = 'c=d'
  })
  let isOdd = false
  listen<SendMessage>(world, 'finbus.send', ({ headers }) => {
    headers.traceparent = 'of the attempt'
    if (!isOdd) return
    headers['Not a name'] = 'x'
    headers[':to'] = 'somebody else'
    headers.long = 'x'.repeat(20_000)
    headers.number = 5 as never
  })
  const expected = { own: 'kept', traceparent: 'of the attempt', baggage: 'c=d' }
  const options = { headers: { own: 'kept', traceparent: 'of the user' } }
  assert.deepEqual(await bus.request('work.one', {}, options), expected)
  assert.equal(options.headers.traceparent, 'of the user', 'the object of the user stays as it is')
  isOdd = true
  assert.deepEqual(await bus.request('work.one', {}, options), expected)
})

story('trace headers go on to nested calls, unless those bring their own', async (world) => {
  const { bus, answerer } = await service(world, async (own: Record<string, string>, ctx) => {
    return await ctx.request('work.inner', {}, { headers: own })
  })
  await answerer.reply('work.inner', (_body, { headers }) => ({ ...headers }))
  const headers = { traceparent: 'outer', tracestate: 's=1', baggage: 'b=1', other: 'stays here' }
  const nested = (own: object): Promise<unknown> => bus.request('work.one', own, { headers })

  const inherited = { traceparent: 'outer', tracestate: 's=1', baggage: 'b=1' }
  const cases: [object, object][] = [
    [{}, inherited],
    [{ own: 'x' }, { ...inherited, own: 'x' }],
    [{ traceparent: 'inner' }, { traceparent: 'inner', baggage: 'b=1' }],
    [{ baggage: 'b=2' }, { ...inherited, baggage: 'b=2' }],
  ]
  for (const [own, expected] of cases) assert.deepEqual(await nested(own), expected)
  const seen = watch(world, 'finbus.request')
  const handlers = watch(world, 'finbus.handle')
  for (const [own, expected] of cases) assert.deepEqual(await nested(own), expected, 'traced')
  const inner = seen.map(({ message }) => message as RequestTrace).filter(({ parent }) => parent)
  assert.equal(inner[0]!.topic, 'work.inner')
  assert.equal(inner[0]!.parent, handlers[0]!.message, 'it names the handler that makes it')
})

story('a handler runs inside what subscribers put around it', async (world) => {
  const around: string[] = []
  const { bus } = await service(world, async () => around.join(' '))
  const put = (name: string): void => {
    listen<HandleTrace>(world, 'tracing:finbus.handle:start', (handler) => {
      const { enter } = handler
      handler.enter = (run) => {
        around.push(name)
        try {
          return enter === undefined ? run() : enter(run)
        } finally {
          around.pop()
        }
      }
    })
  }
  put('inner')
  put('outer')
  assert.equal(await bus.request('work.one', {}), 'outer inner')
  assert.deepEqual(around, [])
})

story('a lost link: the pinned attempt is told as such, and the call stays one', async (world) => {
  const broker = await world.broker()
  const proxy = await world.proxy(broker.url)
  let finish = (): void => {}
  const answerer = await world.connect(broker.url)
  await answerer.reply('work.slow', () => new Promise<void>((resolve) => (finish = resolve)))
  const bus = await world.connect(proxy.url)
  const sends: SendMessage[] = []
  const received: ReceiveMessage[] = []
  const calls = watch(world, 'finbus.request')
  listen<SendMessage>(world, 'finbus.send', (message) => sends.push(message))
  listen<ReceiveMessage>(world, 'finbus.receive', (message) => received.push(message))
  const call = bus.request('work.slow', {}, { timeoutMs: 10_000 })
  await until('it runs', () => received.length === 1)
  proxy.reset()
  await until('it was sent again', () => sends.length === 2)
  finish()
  await call
  const facts = sends.map((send) => [send.attempt, send.isPinned, send.queue === undefined])
  assert.deepEqual(facts, [
    [1, false, false],
    [2, true, true],
  ])
  assert.equal(sends[1]!.instance, answerer.instance)
  assert.equal(sends[1]!.correlationId, sends[0]!.correlationId)
  assert.equal(received.length, 1, 'a copy joins: it is not taken in twice')
  assert.equal((calls.at(-1)!.message as RequestTrace).attempts, 2)
})

story('a cancelled call, traced, is cancelled as ever', async (world) => {
  const { bus } = await service(world, () => new Promise(() => {}))
  const calls = watch(world, 'finbus.request')
  const abort = new AbortController()
  const call = failure(bus.request('work.one', {}, { signal: abort.signal }), 'cancelled')
  abort.abort()
  await call
  assert.equal((calls.at(-1)!.message as RequestTrace).code, 'cancelled')
})
