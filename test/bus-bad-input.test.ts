/** What users pass wrongly: refused by name, before anything is sent or started. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocketServer } from 'ws'
import { type Broker, type BrokerOptions, startBroker } from '../broker/index.ts'
import { BATCH_HEAD, encodeReject, Frame, SUBPROTOCOL, setU64 } from '../bus/index.ts'
import { BusError, type ConnectOptions, connect } from '../rr-client/index.ts'
import { certificates } from './support/certificates.ts'
import { frame } from './support/raw.ts'
import { AT_ONCE_MS, ending, failure, story, until, type World } from './support/world.ts'

/** The thing a user passes though its type forbids it. */
const wrong = <T>(value: unknown): T => value as T

const refuses = async (act: () => Promise<unknown>, message: RegExp): Promise<void> => {
  const error = await failure(act(), 'invalid_argument')
  assert.match(error.message, message)
  assert.deepEqual([error.outcome, error.retryable], ['not_executed', false])
  assert.ok(error.ms < AT_ONCE_MS, `${message}: ${error.ms} ms`)
}

story('connect: options and targets', async (world) => {
  const { url } = await world.broker()
  const bad: [unknown, RegExp][] = [
    [{ timeoutMS: 5 }, /"timeoutMS" is unknown.*timeoutMs/],
    [{ nmae: 'x' }, /"nmae" is unknown.*name/],
    [{ tls: { cacert: 'x' } }, /"cacert" in tls is unknown/],
    [{ tls: { certt: 'x' } }, /"certt" in tls is unknown.*cert/],
    [{ timeoutMs: '3' }, /timeoutMs/],
    [{ timeoutMs: 0 }, /timeoutMs/],
    [{ timeoutMs: Number.NaN }, /timeoutMs/],
    [{ maxInFlight: 0 }, /maxInFlight/],
    [{ name: 'with blank' }, /name/],
    [{ name: 'x'.repeat(65) }, /name/],
    [{ idc: '' }, /idc/],
    [{ group: 'a\nb' }, /group/],
    [{ logger: {} }, /logger/],
    [{ codec: { name: 'x' } }, /codec/],
    [{ pingMs: 500, silenceMs: 400 }, /silenceMs.*pingMs/],
    ['name', /connect options/],
    [null, /connect options/],
  ]
  for (const [options, message] of bad) {
    await refuses(() => connect(url, wrong<ConnectOptions>(options)), message)
  }
  const targets: unknown[] = [
    '',
    'http://127.0.0.1:1',
    'ws://',
    '127.0.0.1:7400',
    'ws://127.0.0.1:99999',
    'ws://user@:1',
    'unix:relative',
    [],
    [url, 'nonsense'],
    42,
    null,
    undefined,
    {},
    { url },
  ]
  for (const target of targets) {
    await refuses(() => connect(wrong<string>(target), { connectTimeoutMs: 2_000 }), /url|target/)
  }
})

story('connect: a certificate that is none is said so at once', async () => {
  for (const tls of [{ ca: 'no pem' }, { cert: 'no pem', key: 'no pem' }]) {
    await refuses(() => connect('wss://127.0.0.1:1', { tls, connectTimeoutMs: 2_000 }), /tls/)
  }
})

story('connect: nobody there, and a server that never speaks', async (world) => {
  const since = performance.now()
  const nobody = await failure(
    connect('ws://127.0.0.1:1', { connectTimeoutMs: 200 }),
    'not_connected',
  )
  assert.match(nobody.message, /ECONNREFUSED/)
  assert.ok(performance.now() - since < 1_500)
  const mute = createServer((socket) => {
    socket.on('error', () => {})
    world.later(() => socket.destroy())
  })
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
  world.later(() => new Promise((resolve) => mute.close(resolve)))
  const { port } = mute.address() as { port: number }
  const error = await failure(
    connect(`ws://127.0.0.1:${port}`, { connectTimeoutMs: 200 }),
    'not_connected',
  )
  assert.ok(error.ms < 1_500)
})

/** A server that rejects every hello with `code`. */
const rejecting = async (
  world: World,
  code: string,
): Promise<{ url: string; refused: () => number }> => {
  let refused = 0
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    handleProtocols: () => SUBPROTOCOL,
  })
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.once('message', () => {
      const head = Buffer.alloc(BATCH_HEAD)
      setU64(head, 0, 1)
      const reject = frame(Frame.reject, encodeReject({ code, message: 'not today' }))
      socket.send(Buffer.concat([head, reject]), () => socket.close(1008, code))
      refused += 1
    })
  })
  await new Promise((resolve) => server.once('listening', resolve))
  world.later(() => {
    for (const socket of server.clients) socket.terminate()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as { port: number }
  return { url: `ws://127.0.0.1:${port}`, refused: () => refused }
}

story(
  'connect: a broker of another version, and one that refuses while another is on its way',
  async (world) => {
    const { url } = await rejecting(world, 'incompatible_version')
    const error = await failure(connect(url), 'incompatible_version')
    assert.match(error.message, /not today/)
    assert.ok(error.ms < 1_000)

    const broker = await world.broker()
    const { port } = new URL(broker.url)
    await broker.close()
    const strict = await rejecting(world, 'unauthenticated')
    const joining = ending(world.connect([strict.url, broker.url], { connectTimeoutMs: 15_000 }))
    await until('it is asked again after a refusal', () => strict.refused() >= 2, 8_000)
    await world.broker({ listen: `ws://127.0.0.1:${port}` })
    const { error: none } = await joining
    assert.equal(none, undefined, 'one broker that accepts is enough')
  },
)

story('request: options, topics and bodies', async (world) => {
  const broker = await world.broker({ maxBodyBytes: 10_000 })
  const bus = await world.connect(broker.url)
  let got = 0
  await bus.reply('work.one', () => {
    got += 1
  })
  const request = (topic: unknown, body: unknown, options?: unknown): Promise<unknown> =>
    bus.request(wrong<string>(topic), body, wrong<object | undefined>(options))
  const options: [unknown, RegExp][] = [
    [{ timeout: 5 }, /"timeout" is unknown.*timeoutMs/],
    [{ idempotant: true }, /"idempotant" is unknown.*idempotent/],
    [{ timeoutMs: -1 }, /timeoutMs/],
    [{ timeoutMs: 1.5 }, /timeoutMs/],
    [{ timeoutMs: 86_400_001 }, /timeoutMs/],
    [{ timeoutMs: '50' }, /timeoutMs/],
    [{ signal: {} }, /signal/],
    [{ idempotent: 1 }, /idempotent/],
    [{ waitForResponder: 'yes' }, /waitForResponder/],
    [{ key: '' }, /key/],
    [{ key: 7 }, /key/],
    [{ key: 'x'.repeat(1_025) }, /key/],
    [{ headers: 'x' }, /headers/],
    [{ headers: { Upper: 'x' } }, /header/],
    [{ headers: { ':to': 'x' } }, /header/],
    [{ headers: { n: 7 } }, /header n/],
    [{ headers: { 'a b': 'x' } }, /header/],
    ['x', /request options/],
    [null, /request options/],
  ]
  for (const [given, message] of options)
    await refuses(() => request('work.one', {}, given), message)
  const topics = [
    '',
    'x'.repeat(201),
    'a b',
    'a\nb',
    'a..b',
    '.a',
    'a.',
    'ä',
    'a\u0000',
    7,
    null,
    undefined,
    {},
  ]
  for (const topic of topics) await refuses(() => request(topic, {}), /topic/)
  const ring: Record<string, unknown> = {}
  ring.self = ring
  const deep = JSON.parse(`${'['.repeat(2_000)}${']'.repeat(2_000)}`) as unknown
  const bodies: [unknown, RegExp][] = [
    [1n, /bigint/],
    [{ a: [1, { b: 2n }] }, /body\.a\[1\]\.b/],
    [() => 1, /function/],
    [{ f: () => 1 }, /body\.f/],
    [Symbol('x'), /symbol/],
    [Number.POSITIVE_INFINITY, /finite/],
    [{ n: Number.NaN }, /body\.n/],
    [ring, /body\.self/],
    [deep, /deep/],
  ]
  for (const [body, message] of bodies) await refuses(() => request('work.one', body), message)

  const large = [
    request('work.one', 'x'.repeat(10_000)),
    request('work.one', new Uint8Array(10_001)),
    request('work.one', {}, { headers: { a: 'x'.repeat(9_000), b: 'x'.repeat(9_000) } }),
  ]
  for (const call of large) {
    const error = await failure(call, 'too_large')
    assert.equal(error.outcome, 'not_executed')
    assert.ok(error.details.limit! > 0 && error.details.current! > error.details.limit!)
  }
  assert.equal(got, 0, 'nothing was sent')
  assert.equal(bus.snapshot().counters.requests, 0)
  await bus.request('work.one', new Uint8Array(10_000))
  assert.equal(got, 1)
})

story('reply and close: options and arguments', async (world) => {
  const broker = await world.broker()
  const bus = await world.connect(broker.url)
  const reply = (topic: unknown, handler: unknown, options?: unknown): Promise<unknown> =>
    bus.reply(wrong<string>(topic), wrong<() => 1>(handler), wrong<object | undefined>(options))
  const handler = (): number => 1
  const options: [unknown, RegExp][] = [
    [{ concurency: 1 }, /"concurency" is unknown.*concurrency/],
    [{ concurrency: 0 }, /concurrency/],
    [{ concurrency: 1.5 }, /concurrency/],
    [{ prefetch: -1 }, /prefetch/],
    [{ group: '' }, /group/],
    [{ schema: {} }, /schema/],
    [null, /reply options/],
  ]
  for (const [given, message] of options)
    await refuses(() => reply('work.one', handler, given), message)
  await refuses(() => reply('', handler), /topic/)
  await refuses(() => reply('a b', handler), /topic/)
  for (const none of [undefined, null, 'handler', {}])
    await refuses(() => reply('work.one', none), /handler/)

  const answering = await bus.reply('work.one', handler)
  await refuses(() => reply('work.one', handler), /answered by this bus already/)
  await refuses(() => answering.close(wrong({ timeout: 5 })), /"timeout" is unknown.*timeoutMs/)
  await refuses(() => answering.close({ timeoutMs: -1 }), /timeoutMs/)
  assert.equal(await bus.request('work.one', {}), 1, 'a close that was refused closes nothing')
  await answering.close()
  await refuses(() => bus.close(wrong({ timeoutMs: '5' })), /timeoutMs/)
  assert.equal(bus.snapshot().state, 'open')
  assert.throws(() => bus.circuit(''), /topic/)
})

const cannotStart = async (options: unknown, message: RegExp): Promise<void> => {
  const { error, value } = await ending(startBroker(wrong<BrokerOptions>(options)))
  await (value as Broker | undefined)?.close()
  assert.ok(BusError.is(error), `${message}: ${error?.stack ?? 'it started'}`)
  assert.equal(error.code, 'invalid_argument')
  assert.match(error.message, message)
  assert.ok(!error.message.includes('\n'), `one clear sentence, not: ${error.message}`)
}

story('startBroker: options, addresses, tokens', async (world) => {
  const folder = mkdtempSync(join(tmpdir(), 'finbus-'))
  world.later(() => rmSync(folder, { recursive: true }))
  const file = (text: string): string => {
    const path = join(folder, 'tokens.json')
    writeFileSync(path, text)
    return path
  }
  const { server } = await certificates()
  const listen = 'ws://127.0.0.1:0'
  const secret = 'a-very-secret-token-of-mine'
  const bad: [unknown, RegExp][] = [
    [{ listn: 'x' }, /"listn" is unknown.*listen/],
    [{ listen, maxDepht: 5 }, /"maxDepht" is unknown.*maxDepth/],
    [{ listen, tls: { ...server, certt: 'x' } }, /certt/],
    [{ listen, maxDepth: 0 }, /maxDepth/],
    [{ listen, idc: 'a b' }, /idc/],
    [{ listen, pingMs: 500, silenceMs: 300 }, /silenceMs/],
    [{ listen: 'http://127.0.0.1' }, /listen/],
    [{ listen: 'ws://127.0.0.1:70000' }, /listen/],
    [{ listen: 'wss://127.0.0.1:0' }, /tls/],
    [{ listen, tls: server }, /wss/],
    [{ listen: 'wss://127.0.0.1:0', tls: { cert: 'no pem', key: 'no pem' } }, /tls/],
    [{ listen: 'ws://0.0.0.0:0' }, /0\.0\.0\.0.*loopback.*tls and tokens/],
    [{ listen: 'wss://0.0.0.0:0', tls: server }, /tls and tokens/],
    [{ listen: 'ws://no-such-host.invalid:1' }, /loopback/],
    [{ listen, tokens: [{ token: 'short' }] }, /token/],
    [{ listen, tokens: [{ token: secret, request: ['a b'] }] }, /request/],
    [{ listen, tokens: join(folder, 'missing.json') }, /missing\.json/],
    [{ listen, tokens: file(`[{ "token": "${secret}", }]`) }, /tokens\.json/],
    [{ listen, tokens: file(`[{ "token": "${secret}", "requests": [] }]`) }, /tokens\.json/],
    [{ listen, tokens: file('{}') }, /tokens\.json/],
    [null, /broker option/],
  ]
  for (const [options, message] of bad) await cannotStart(options, message)
  const { error } = await ending(startBroker({ listen, tokens: file(`"${secret}" oops`) }))
  assert.ok(
    error !== undefined && !error.message.includes('secret'),
    `tells a secret: ${error?.message}`,
  )
})

story(
  'startBroker: a taken port is said so, and a dead brokers socket file is no obstacle',
  async (world) => {
    const broker = await world.broker()
    await cannotStart({ listen: broker.url }, /127\.0\.0\.1:\d+.*taken/)
    const folder = mkdtempSync(join(tmpdir(), 'finbus-'))
    world.later(() => rmSync(folder, { recursive: true }))
    const listen = `unix:${folder}/bus.sock`
    await world.broker({ listen })
    await cannotStart({ listen }, /bus\.sock.*taken/)
    await cannotStart({ listen: `unix:${folder}/none/bus.sock` }, /bus\.sock/)

    const left = `unix:${folder}/left.sock`
    const killed = await world.role({ role: 'broker', listen: left })
    await killed.kill()
    const next = await world.broker({ listen: left })
    const bus = await world.connect(next.url)
    await bus.reply('work.one', () => 1)
    assert.equal(await bus.request('work.one', {}), 1)
  },
)

story(
  'a grant may name whom it is for, and the broker goes on with several tokens',
  async (world) => {
    const folder = mkdtempSync(join(tmpdir(), 'finbus-'))
    world.later(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'tokens.json')
    const grant = (token: string): object => ({
      token,
      name: 'teller',
      request: ['*'],
      reply: ['*'],
    })
    writeFileSync(
      path,
      JSON.stringify([grant('old-old-old-old-old'), grant('new-new-new-new-new')]),
    )
    const broker = await world.broker({ tokens: path })
    for (const token of ['old-old-old-old-old', 'new-new-new-new-new']) {
      const bus = await world.connect(broker.url, { token })
      await bus.reply('work.one', () => 1)
      assert.equal(await bus.request('work.one', {}, { waitForResponder: true }), 1)
      await bus.close()
    }
    await until('the sessions are over', () => broker.snapshot().sessions === 0)
  },
)
