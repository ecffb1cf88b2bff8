/** One trace from the caller through the bus into the handler, as OpenTelemetry's users see it. */
import assert from 'node:assert/strict'
import {
  type Attributes,
  context,
  type Meter,
  type MeterProvider,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { ServiceError } from '../rr-client/index.ts'
import { instrument } from '../rr-client/otel/index.ts'
import { service } from './support/service.ts'
import { w3c } from './support/w3c.ts'
import { ending, failure, story, until, type World } from './support/world.ts'

interface Told {
  name: string
  value: number
  attributes: Attributes
}

/** A meter that writes down what it is told. */
const tellingMeter = (told: Told[]): MeterProvider => {
  const instrumentOf = (name: string) => {
    const note = (value: number, attributes: Attributes = {}): void => {
      told.push({ name, value, attributes })
    }
    return { add: note, record: note }
  }
  const meter = { createHistogram: instrumentOf, createCounter: instrumentOf }
  return { getMeter: () => meter as unknown as Meter }
}

/** OpenTelemetry as a service sets it up, and finbus instrumented, until the story ends. */
const observe = (world: World, sampler?: Sampler) => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    ...(sampler === undefined ? {} : { sampler }),
  })
  const manager = new AsyncLocalStorageContextManager()
  context.setGlobalContextManager(manager.enable())
  propagation.setGlobalPropagator(w3c)
  const told: Told[] = []
  const stop = instrument({ tracerProvider: provider, meterProvider: tellingMeter(told) })
  world.later(async () => {
    stop()
    context.disable()
    propagation.disable()
    await provider.shutdown()
  })
  return { exporter, tracer: provider.getTracer('test'), stop, told }
}

const KINDS = ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']

/** The spans as a tree, children in the order of their beginnings: `CLIENT a > PRODUCER send a`. */
const tree = (spans: readonly ReadableSpan[], parent?: string, depth = 0): string[] =>
  spans
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)
    .flatMap((span) => [
      `${'  '.repeat(depth)}${KINDS[span.kind]} ${span.name}`,
      ...tree(spans, span.spanContext().spanId, depth + 1),
    ])

const named = (spans: readonly ReadableSpan[], kind: SpanKind, name: string): ReadableSpan => {
  const found = spans.find((span) => span.kind === kind && span.name === name)
  assert.ok(found !== undefined, `no ${KINDS[kind]} ${name} in\n${tree(spans).join('\n')}`)
  return found
}

story('one trace from the caller to a nested handler', async (world) => {
  const { exporter, tracer } = observe(world)
  const { bus, answerer, broker } = await service(world, async (_body, ctx) => {
    const inner = tracer.startSpan('own work')
    await new Promise(setImmediate)
    inner.end()
    return ctx.request('work.inner', {})
  })
  await answerer.reply('work.inner', () => 'done')

  const outer = tracer.startSpan('http request')
  await context.with(trace.setSpan(context.active(), outer), () => bus.request('work.one', {}))
  outer.end()
  const spans = exporter.getFinishedSpans()
  assert.deepEqual(tree(spans), [
    'INTERNAL http request',
    '  CLIENT work.one',
    '    PRODUCER send work.one',
    '      CONSUMER process work.one',
    '        SERVER work.one',
    '          INTERNAL own work',
    '          CLIENT work.inner',
    '            PRODUCER send work.inner',
    '              CONSUMER process work.inner',
    '                SERVER work.inner',
  ])
  assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1)

  const client = named(spans, SpanKind.CLIENT, 'work.one')
  assert.deepEqual(client.attributes, {
    'rpc.system.name': 'finbus',
    'rpc.method': 'work.one',
    'rpc.status_code': 'ok',
    'finbus.idc': 'local',
    'finbus.instance': bus.instance,
    'finbus.attempts': 1,
    'finbus.outcome': 'executed',
    'finbus.correlation_id': `${bus.instance}-1`,
  })
  assert.deepEqual(
    client.events.map(({ name }) => name),
    ['reply'],
  )
  assert.equal(client.status.code, SpanStatusCode.UNSET)
  const [queue] = broker.snapshot().topics.find(({ topic }) => topic === 'work.one')!.queues
  assert.deepEqual(named(spans, SpanKind.PRODUCER, 'send work.one').attributes, {
    'messaging.system': 'finbus',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': 'work.one',
    'messaging.destination.partition.id': String(queue!.queue),
    'messaging.message.conversation_id': `${bus.instance}-1`,
    'messaging.client.id': bus.instance,
    'finbus.attempt': 1,
    'finbus.broker': broker.id,
    'finbus.responder': answerer.instance,
    'finbus.is_pinned': false,
  })
  const consumer = named(spans, SpanKind.CONSUMER, 'process work.one')
  assert.equal(consumer.attributes['messaging.consumer.group.name'], 'services')
  assert.equal(consumer.attributes['messaging.message.conversation_id'], `${bus.instance}-1`)
  assert.equal(consumer.attributes['finbus.requester'], bus.instance)
  assert.equal(
    named(spans, SpanKind.SERVER, 'work.one').attributes['finbus.instance'],
    answerer.instance,
  )
})

story('failures: codes at both ends, and no text of the service', async (world) => {
  const { exporter } = observe(world)
  const errors = [new ServiceError('NO_FUNDS', 'account 4711 is empty'), new Error('4711 broke')]
  const { bus } = await service(world, () => {
    throw errors.shift()
  })
  await ending(bus.request('work.one', {}))
  await ending(bus.request('work.one', {}))
  await failure(bus.request('work.nobody', {}, { timeoutMs: 50 }), 'no_responder')
  const spans = exporter.getFinishedSpans()
  const facts = spans
    .filter(({ kind }) => kind === SpanKind.CLIENT || kind === SpanKind.SERVER)
    .map(({ kind, attributes, status, events }) => [
      KINDS[kind],
      attributes['error.type'],
      attributes['finbus.outcome'],
      status.code === SpanStatusCode.ERROR,
      events.length,
    ])
  assert.deepEqual(facts, [
    ['SERVER', 'NO_FUNDS', undefined, false, 0],
    ['CLIENT', 'NO_FUNDS', 'executed', true, 1],
    ['SERVER', 'handler_failed', undefined, true, 0],
    ['CLIENT', 'handler_failed', 'executed', true, 1],
    ['CLIENT', 'no_responder', 'not_executed', true, 0],
  ])
  const all = JSON.stringify(
    spans.map(({ attributes, events, status }) => [attributes, events, status]),
  )
  assert.doesNotMatch(all, /4711/)
})

story(
  'every attempt is a span of its own, and the handler hangs under the one that ran',
  async (world) => {
    const { exporter } = observe(world)
    const broker = await world.broker()
    const proxy = await world.proxy(broker.url)
    let finish = (): void => {}
    let isRunning = false
    const answerer = await world.connect(broker.url)
    await answerer.reply('work.slow', () => {
      isRunning = true
      return new Promise<void>((resolve) => (finish = resolve))
    })
    const bus = await world.connect(proxy.url)
    const call = bus.request('work.slow', {}, { timeoutMs: 10_000 })
    await until('it runs', () => isRunning)
    proxy.reset()
    const sent = (): ReadableSpan[] =>
      exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.PRODUCER)
    await until('it was sent again', () => sent().length === 2)
    finish()
    await call
    assert.deepEqual(tree(exporter.getFinishedSpans()), [
      'CLIENT work.slow',
      '  PRODUCER send work.slow',
      '    CONSUMER process work.slow',
      '      SERVER work.slow',
      '  PRODUCER send work.slow',
    ])
    const pinned = sent()[1]!.attributes
    assert.deepEqual([pinned['finbus.attempt'], pinned['finbus.is_pinned']], [2, true])
    assert.equal(pinned['finbus.responder'], answerer.instance)
    const client = named(exporter.getFinishedSpans(), SpanKind.CLIENT, 'work.slow')
    assert.equal(client.attributes['finbus.attempts'], 2)
  },
)

story(
  'a context given by hand, and one that a callback lost, are found all the same',
  async (world) => {
    const { exporter } = observe(world)
    const { bus, answerer } = await service(world, async (_body, ctx) => {
      // As behind a pool or an emitter that was made elsewhere.
      return await context.with(trace.deleteSpan(context.active()), () =>
        ctx.request('work.in', {}),
      )
    })
    await answerer.reply('work.in', () => 'done')
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` }
    await bus.request('work.one', {}, { headers })
    const spans = exporter.getFinishedSpans()
    assert.deepEqual(new Set(spans.map((span) => span.spanContext().traceId)), new Set([traceId]))
    const nested = named(spans, SpanKind.CLIENT, 'work.in')
    const server = named(spans, SpanKind.SERVER, 'work.one')
    assert.equal(nested.parentSpanContext?.spanId, server.spanContext().spanId)
  },
)

story('what is not sampled makes no span, and says so to the responder', async (world) => {
  const seen: unknown[] = []
  const { exporter } = observe(world, new ParentBasedSampler({ root: new AlwaysOffSampler() }))
  const { bus } = await service(world, (_body, { headers }) => {
    seen.push(headers.traceparent, trace.getActiveSpan()?.isRecording())
  })
  await bus.request('work.one', {})
  assert.deepEqual(exporter.getFinishedSpans(), [])
  assert.match(String(seen[0]), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
  assert.equal(seen[1], false)
})

story('a trace context that finds no room is left at home: the call goes on', async (world) => {
  const { exporter } = observe(world)
  const { bus } = await service(world, (_body, { headers }) => Object.keys(headers).sort())
  assert.deepEqual(await bus.request('work.one', {}, { headers: { mine: 'x' } }), [
    'mine',
    'traceparent',
  ])
  const mine = 'x'.repeat(16_360)
  assert.deepEqual(await bus.request('work.one', {}, { headers: { mine } }), ['mine'])
  assert.equal(exporter.getFinishedSpans().filter(({ kind }) => kind === SpanKind.SERVER).length, 2)
})

story('stopped: open spans end as unfinished, nothing follows, and calls go on', async (world) => {
  const { exporter, stop } = observe(world)
  let finish = (): void => {}
  let isRunning = false
  const { bus } = await service(world, () => {
    isRunning = true
    return new Promise<void>((resolve) => (finish = resolve))
  })
  const call = bus.request('work.one', {})
  await until('it runs', () => isRunning)
  stop()
  const unfinished = exporter
    .getFinishedSpans()
    .filter(({ attributes }) => attributes['finbus.is_unfinished'] === true)
    .map(({ kind }) => KINDS[kind])
  assert.deepEqual(unfinished.sort(), ['CLIENT', 'SERVER'])
  const count = exporter.getFinishedSpans().length
  finish()
  await call
  stop()
  await bus.request('work.fine', {})
  assert.equal(exporter.getFinishedSpans().length, count)
})

story('measurements: seconds by method and code, messages by topic', async (world) => {
  const { told } = observe(world)
  const { bus } = await service(world, () => 'done')
  await bus.request('work.one', {})
  await failure(bus.request('work.nobody', {}, { timeoutMs: 50 }), 'no_responder')
  const rpc = { 'rpc.system.name': 'finbus', 'rpc.method': 'work.one', 'rpc.status_code': 'ok' }
  const find = (name: string): Told[] => told.filter((one) => one.name === name)
  assert.deepEqual(find('rpc.client.call.duration')[0]!.attributes, rpc)
  assert.deepEqual(find('rpc.server.call.duration')[0]!.attributes, rpc)
  assert.ok(find('rpc.client.call.duration')[0]!.value < 1, 'in seconds')
  assert.equal(find('rpc.client.call.duration')[1]!.attributes['error.type'], 'no_responder')
  for (const [name, operation] of [
    ['messaging.client.sent.messages', 'send'],
    ['messaging.client.consumed.messages', 'process'],
    ['messaging.process.duration', 'process'],
  ]) {
    const [one, ...more] = find(name!)
    assert.deepEqual(more, [], name)
    assert.equal(one!.attributes['messaging.operation.name'], operation)
    assert.equal(one!.attributes['messaging.destination.name'], 'work.one')
  }
})

story('OTEL_SEMCONV_STABILITY_OPT_IN with /dup adds the older names', async (world) => {
  process.env.OTEL_SEMCONV_STABILITY_OPT_IN = 'http, rpc/dup,messaging/dup'
  world.later(() => delete process.env.OTEL_SEMCONV_STABILITY_OPT_IN)
  const { exporter, told } = observe(world)
  const { bus } = await service(world, () => 'done')
  await bus.request('work.one', {})
  const spans = exporter.getFinishedSpans()
  const client = named(spans, SpanKind.CLIENT, 'work.one').attributes
  assert.deepEqual([client['rpc.system'], client['rpc.system.name']], ['finbus', 'finbus'])
  const producer = named(spans, SpanKind.PRODUCER, 'send work.one').attributes
  assert.equal(producer['messaging.operation'], 'publish')
  assert.ok(told.some(({ name }) => name === 'rpc.client.duration'))
})
