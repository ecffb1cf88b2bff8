/** What a logger at its lowest level gets: enough to follow a call, and nothing that is confidential. */
import assert from 'node:assert/strict'
import { pino } from 'pino'
import { nodeRuntime, type Runtime } from '../bus/io/runtime.ts'
import { Client } from '../rr-client/client.ts'
import { join } from '../rr-client/connect.ts'
import {
  type Bus,
  type ConnectOptions,
  connect,
  type HandlerContext,
  type Log,
  ServiceError,
} from '../rr-client/index.ts'
import { checkConnect } from '../rr-client/options.ts'
import { ending, failure, story, until, type World } from './support/world.ts'

interface Line {
  kind?: string
  msg: string
  [field: string]: unknown
}

/** A pino logger that misses nothing, and its lines as they would be written. */
const keptLog = (): { logger: Log; texts: string[]; lines: (kind: string) => Line[] } => {
  const texts: string[] = []
  const logger = pino({ level: 'trace' }, { write: (text: string) => texts.push(text) })
  const lines = (kind: string): Line[] =>
    texts.map((text) => JSON.parse(text) as Line).filter((line) => line.kind === kind)
  return { logger, texts, lines }
}

/** Notes what a client draws for itself and must tell nobody but its brokers. */
const tellingRuntime = (): Runtime & { ids: string[]; secrets: string[] } => {
  const ids: string[] = []
  const secrets: string[] = []
  const noted = (list: string[], draw: () => string) => (): string => {
    const drawn = draw()
    list.push(drawn)
    return drawn
  }
  return {
    ...nodeRuntime,
    ids,
    secrets,
    newId: noted(ids, nodeRuntime.newId),
    newSecret: noted(secrets, nodeRuntime.newSecret),
  }
}

const join1 = async (
  world: World,
  url: string,
  options: ConnectOptions,
  runtime: Runtime,
): Promise<Bus> => {
  const client = new Client({ brokers: [url], registries: [] }, checkConnect(options), runtime)
  await join(client, 5_000)
  world.later(() => client.close({ timeoutMs: 0 }))
  return client as unknown as Bus
}

const TOKEN = 'token-that-nobody-may-read'
const OTHER_TOKEN = 'wrong-token-that-nobody-may-read'
/** In bodies, replies, headers, keys, and in what handlers throw. */
const PAYLOAD = 'card-4929-1234'

story('calls, failures, resumes: nothing confidential is logged at any level', async (world) => {
  const { logger, texts, lines } = keptLog()
  const broker = await world.broker({
    logger,
    tokens: [{ token: TOKEN, request: ['*'], reply: ['*'] }],
  })
  const proxy = await world.proxy(broker.url)
  const runtimes = [tellingRuntime(), tellingRuntime()]
  const options = { logger, token: TOKEN }
  const service = await join1(world, broker.url, { ...options, name: 'service' }, runtimes[0]!)
  const bus = await join1(world, proxy.url, { ...options, name: 'caller' }, runtimes[1]!)
  let finish = (): void => {}
  let running = 0
  let deadline = Number.POSITIVE_INFINITY
  const answer = (topic: string, handler: (body: unknown, ctx: HandlerContext) => unknown) =>
    service.reply(topic, handler, { concurrency: 1 })
  await answer('pay.echo', () => ({ PAYLOAD }))
  await answer('pay.no', () => {
    throw new ServiceError('NO_FUNDS', PAYLOAD, { PAYLOAD })
  })
  await answer('pay.broken', () => {
    throw new Error(PAYLOAD)
  })
  await answer('pay.strange', () => ({ bad: 1n, PAYLOAD }))
  await answer('pay.slow', (_body, ctx) => {
    running += 1
    deadline = nodeRuntime.now() + ctx.remainingMs()
    return new Promise<object>((resolve) => {
      finish = () => resolve({ PAYLOAD })
    })
  })
  const headers = { traceparent: PAYLOAD, other: PAYLOAD }
  const call = (topic: string, timeoutMs = 3_000): Promise<unknown> =>
    bus.request(topic, { PAYLOAD }, { timeoutMs, headers, key: PAYLOAD })

  for (const topic of ['pay.echo', 'pay.no', 'pay.broken', 'pay.strange', 'pay.nobody']) {
    await ending(call(topic, 500))
  }
  // Too late, past its deadline, and then its reply by another way.
  const late = call('pay.slow', 300)
  await until('it runs', () => running === 1)
  await failure(late, 'deadline_exceeded')
  await until('the time is over at the responder, too', () => nodeRuntime.now() > deadline)
  finish()
  await until('the late reply is told', () => lines('late_reply').length === 1)
  const resumed = call('pay.slow')
  await until('it runs again', () => running === 2)
  proxy.reset()
  await until('the session went on', () => lines('session_resumed').length === 1)
  finish()
  await resumed
  await failure(connect(broker.url, { logger, token: OTHER_TOKEN }), 'unauthenticated')
  await until('the refusal is told', () => lines('link_refused').length > 0)
  await bus.close()
  await service.close()

  const text = texts.join('')
  // The first is the instance, which may be told.
  const replyTopics = runtimes.flatMap(({ ids }) => ids.slice(1))
  assert.equal(replyTopics.length, 2)
  const secrets = runtimes.flatMap((runtime) => runtime.secrets)
  assert.equal(secrets.length, 2)
  for (const hidden of [PAYLOAD, TOKEN, OTHER_TOKEN, ...secrets, ...replyTopics]) {
    assert.ok(hidden.length > 8)
    const line = texts.find((one) => one.includes(hidden))
    assert.equal(line, undefined, `${hidden} was logged`)
  }
  assert.ok(text.includes(bus.instance), 'the search would find what is there')

  const [overrun] = lines('overrun')
  assert.equal(overrun?.correlationId, lines('late_reply')[0]!.correlationId)
  assert.equal(overrun?.topic, 'pay.slow')
  const [queue] = lines('queue_assigned').filter(({ topic }) => topic === 'pay.slow')
  assert.deepEqual([overrun?.queue, overrun?.attempt], [queue?.queue, 1])
  assert.equal(overrun?.msg, 'overrun')
  assert.equal(lines('link_refused')[0]!.code, 'unauthenticated')
  const levels = new Set(texts.map((one) => (JSON.parse(one) as { level: number }).level))
  assert.ok(levels.has(20) && levels.has(30) && levels.has(40), 'debug, info and warn were heard')
  assert.ok(!levels.has(50), 'no defect')
})

story('a thousand calls that go well write no line', async (world) => {
  const { logger, texts } = keptLog()
  const broker = await world.broker({ logger })
  const bus = await world.connect(broker.url, { logger })
  await bus.reply('work.one', () => 'done')
  await bus.request('work.one', {})
  const before = texts.length
  for (let i = 0; i < 1_000; i++) await bus.request('work.one', {})
  assert.deepEqual(texts.slice(before), [])
})

story(
  'what a caller throws when it is told the id of its call is a line, not the end',
  async (world) => {
    const { logger, texts } = keptLog()
    const broker = await world.broker()
    const bus = await world.connect(broker, { logger })
    await bus.reply('give.id', (_, ctx) => ctx.correlationId)
    const thrower = (): void => {
      throw new Error('a sync defect of the user')
    }
    const rejecter = async (): Promise<void> => {
      throw new Error('an async defect of the user')
    }
    const ids = [
      await bus.request('give.id', {}, { onAccepted: thrower }),
      await bus.request('give.id', {}, { onAccepted: rejecter }),
    ]
    assert.equal(new Set(ids).size, 2)
    const told = (): string[] => texts.filter((text) => text.includes('onAccepted has thrown'))
    await until('both are logged', () => told().length === 2)
    assert.match(told()[0]!, /a sync defect of the user/)
    assert.match(told()[1]!, /an async defect of the user/)
  },
)
