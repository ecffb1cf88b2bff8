/** The registry as others meet it: what it answers, what it refuses, and with which words. */
import assert from 'node:assert/strict'
import { connect as connectTo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type RegistryOptions, startBroker, startRegistry } from '../broker/index.ts'
import { connect } from '../rr-client/index.ts'
import { certificates } from './support/certificates.ts'
import { announce, ask, impostor, listener, registry } from './support/registry.ts'
import { failure, story, until } from './support/world.ts'

const TOKEN = 'a-long-token-of-the-brokers'
const A = { id: 'a', life: 1, idc: 'sz', urls: ['ws://a:1'] }
const BEARER = { authorization: `Bearer ${TOKEN}` }

story('announce, list, withdraw, with nothing but HTTP', async (world) => {
  const { url } = await registry(world)
  assert.deepEqual((await ask(url, 'GET', '/livez')).body, { ok: true })
  const empty = await ask(url, 'GET', '/v1/brokers')
  assert.deepEqual([empty.status, empty.body.brokers], [200, []])

  const { status, body } = await announce(url, { ...A, urls: ['ws://a:1/', 'ws://a:1'], more: 1 })
  assert.deepEqual([status, body.leaseMs, body.copy], [200, 6_000, empty.body.copy])
  assert.equal(Number(body.version), Number(empty.body.version) + 1)
  const listed = await ask(url, 'GET', '/v1/brokers')
  const [entry] = listed.body.brokers as [{ ageMs: number }]
  assert.deepEqual({ ...entry, ageMs: 0 }, { ...A, ageMs: 0 })
  assert.ok(entry.ageMs >= 0 && entry.ageMs < 5_000, `${entry.ageMs}`)

  const other = await ask(url, 'DELETE', '/v1/brokers/a?life=2')
  assert.deepEqual([other.status, other.body.wasKnown], [200, false])
  const gone = await ask(url, 'DELETE', '/v1/brokers/a?life=1')
  assert.deepEqual([gone.status, gone.body.wasKnown], [200, true])
  assert.deepEqual((await ask(url, 'GET', '/v1/brokers')).body.brokers, [])
})

story(
  'who has seen the present version waits for the next, and no longer than asked',
  async (world) => {
    const { url, snapshot } = await registry(world).then((r) => ({
      url: r.url,
      snapshot: () => r.snapshot(),
    }))
    const seen = (): string => `${snapshot().copy}.${snapshot().version}`
    const nothing = await ask(url, 'GET', `/v1/brokers?seen=${seen()}&waitMs=50`)
    assert.deepEqual([nothing.status, nothing.body.version], [200, snapshot().version])

    const waiting = [1, 2, 3].map(() => ask(url, 'GET', `/v1/brokers?seen=${seen()}&waitMs=15000`))
    await until('three wait', () => snapshot().waiters === 3)
    // A renewal is no change.
    await announce(url, A)
    const answers = await Promise.all(waiting)
    for (const { body } of answers) assert.equal((body.brokers as unknown[]).length, 1)
    const again = ask(url, 'GET', `/v1/brokers?seen=${seen()}&waitMs=15000`)
    await until('one waits', () => snapshot().waiters === 1)
    await announce(url, A)
    await announce(url, { ...A, id: 'b', life: 2, urls: ['ws://b:1'] })
    assert.equal(((await again).body.brokers as unknown[]).length, 2)
    // Of another life, of a version long gone, without waiting: at once.
    for (const query of [
      '?seen=other.1&waitMs=15000',
      `?seen=${snapshot().copy}.1&waitMs=15000`,
      '',
    ]) {
      assert.equal((await ask(url, 'GET', `/v1/brokers${query}`)).status, 200)
    }
    assert.equal(snapshot().waiters, 0)
  },
)

story('who waits and goes is forgotten; who waits at the end is cut off', async (world) => {
  const started = await registry(world)
  const { url, copy, version } = { url: started.url, ...started.snapshot() }
  const path = `/v1/brokers?seen=${copy}.${version}&waitMs=30000`
  const socket = connectTo(Number(new URL(url).port), '127.0.0.1')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
  const stays = ask(url, 'GET', path).catch((error: unknown) => error)
  await until('two wait', () => started.snapshot().waiters === 2)
  socket.destroy()
  await until('one waits', () => started.snapshot().waiters === 1)
  await started.close()
  assert.ok((await stays) instanceof Error)
})

story('what is wrong with a request is said, with what would be right', async (world) => {
  const { url } = await registry(world)
  const body = (changes: object): string => JSON.stringify({ ...A, ...changes })
  const post = (text: string, status: number, code: string, says: RegExp) =>
    ['POST', '/v1/brokers', text, status, code, says] as const
  const bare = (method: string, path: string, status: number, code: string, says: RegExp) =>
    [method, path, undefined, status, code, says] as const
  const wrong = [
    post('', 400, 'invalid_argument', /body must be JSON, such as/),
    post('{', 400, 'invalid_argument', /body must be JSON/),
    post('[]', 400, 'invalid_argument', /body must be an object such as.*; got \[\]/),
    post('null', 400, 'invalid_argument', /body must be an object/),
    post('{}', 400, 'invalid_argument', /^id must be 1 to 64 letters.*; got nothing/),
    post(body({ id: '../a' }), 400, 'invalid_argument', /^id must be.*; got "\.\.\/a"/),
    post(body({ id: 'a'.repeat(65) }), 400, 'invalid_argument', /^id must be/),
    post(body({ life: 0 }), 400, 'invalid_argument', /^life must be a whole number from 1.*got 0/),
    post(body({ life: 1.5 }), 400, 'invalid_argument', /^life must be/),
    post(body({ life: '1' }), 400, 'invalid_argument', /^life must be.*got "1"/),
    post(body({ idc: '' }), 400, 'invalid_argument', /^idc must be/),
    post(body({ urls: [] }), 400, 'invalid_argument', /^urls must be a list of 1 to 8 urls/),
    post(body({ urls: 'ws://a:1' }), 400, 'invalid_argument', /^urls must be a list/),
    post(
      body({ urls: Array(9).fill('ws://a:1') }),
      400,
      'invalid_argument',
      /^urls must be a list/,
    ),
    post(
      body({ urls: ['ws://a:1', 'http://a:1'] }),
      400,
      'invalid_argument',
      /^urls\.1 must be ws:/,
    ),
    post(body({ urls: ['ws://me:secret@a:1'] }), 400, 'invalid_argument', /^urls\.0 must be ws:/),
    post(body({ urls: [`ws://${'a'.repeat(300)}:1`] }), 400, 'invalid_argument', /^urls\.0 must/),
    post(' '.repeat(17_000), 413, 'too_large', /at most 16384 bytes/),
    bare('GET', '/', 404, 'not_found', /GET and POST \/v1\/brokers, DELETE/),
    bare('GET', '/v1/brokers/a/b', 404, 'not_found', /there is/),
    bare('PUT', '/v1/brokers', 405, 'method_not_allowed', /takes GET or POST; got PUT/),
    bare('GET', '/v1/brokers/a', 405, 'method_not_allowed', /takes DELETE; got GET/),
    bare('POST', '/livez', 405, 'method_not_allowed', /takes GET/),
    bare('DELETE', '/v1/brokers/a', 400, 'invalid_argument', /^life must be.*got ""/),
    bare('DELETE', '/v1/brokers/%ff?life=1', 400, 'invalid_argument', /broker's id; got "%ff"/),
    bare('GET', '/v1/brokers?seen=1', 400, 'invalid_argument', /seen must be COPY\.VERSION/),
    bare(
      'GET',
      '/v1/brokers?waitMs=30001',
      400,
      'invalid_argument',
      /from 0 to 30000; got "30001"/,
    ),
    bare('GET', '/v1/brokers?waitMs=-1', 400, 'invalid_argument', /^waitMs must be/),
  ]
  for (const [method, path, text, status, code, says] of wrong) {
    const said = await ask(url, method, path, text)
    const about = `${method} ${path} ${text?.slice(0, 60)}: ${JSON.stringify(said.body)}`
    assert.deepEqual([said.status, said.body.error?.code], [status, code], about)
    assert.match(said.body.error?.message ?? '', says)
  }
  const page = await ask(url, 'POST', '/v1/brokers', A, { origin: 'https://example.org' })
  assert.deepEqual([page.status, page.body.error?.code], [403, 'forbidden'])
  assert.deepEqual((await ask(url, 'GET', '/v1/brokers')).body.brokers, [])
})

story(
  'bytes that are no HTTP, and requests that do not end, leave nothing behind',
  async (world) => {
    const started = await registry(world)
    const port = Number(new URL(started.url).port)
    const starts = [
      '\x16\x03\x01\x02\x00',
      'POST /v1/brokers HTTP/1.1\r\nHost: a\r\ncontent-length: 100\r\n\r\n{"id"',
      'GET /v1/brokers HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      'GET /v1/bro',
    ]
    for (const text of starts) {
      const socket = connectTo(port, '127.0.0.1')
      socket.on('error', () => {})
      await new Promise((resolve) => socket.write(text, resolve))
      if (text.startsWith('POST')) socket.destroy()
      else world.later(() => socket.destroy())
    }
    assert.equal((await ask(started.url, 'GET', '/livez')).status, 200)
  },
)

story('a registry with tokens knows none but theirs', async (world) => {
  const { url } = await registry(world, { tokens: [{ token: TOKEN }] })
  const broker = { listen: 'ws://127.0.0.1:0', registry: url }
  const without = await failure(startBroker(broker), 'invalid_argument')
  assert.match(without.message, /refused this broker: this registry asks for a token/)
  const wrong = await failure(startBroker({ ...broker, registryToken: 'x' }), 'invalid_argument')
  assert.match(wrong.message, /unknown token/)
  assert.doesNotMatch(wrong.message, /"x"/)
  await world.broker({ ...broker, id: 'b1', registryToken: TOKEN })
  for (const options of [{}, { token: 'another-token-of-nobody' }]) {
    const refused = await failure(connect({ registry: url }, options), 'unauthenticated')
    assert.match(refused.message, /registry http:\S+ refused this client/)
    assert.ok(refused.ms < 4_000, 'at once, not when the time is up')
  }
  const bus = await world.connect({ registry: url }, { token: TOKEN })
  assert.equal(bus.snapshot().links[0]?.broker, 'b1')
  assert.equal((await ask(url, 'GET', '/livez')).status, 200)
  assert.equal((await ask(url, 'GET', '/v1/brokers', undefined, BEARER)).status, 200)
  assert.equal((await ask(url, 'DELETE', '/v1/brokers/b1?life=1')).status, 401)
})

story(
  'over TLS: everybody is checked, and nobody is sent away to talk in the clear',
  async (world) => {
    const { ca, server } = await certificates()
    const { url } = await registry(world, { listen: 'https://127.0.0.1:0', tls: server })
    const secure = { listen: 'wss://127.0.0.1:0', tls: server, registry: url }
    const { told, logger } = listener()
    // It does not trust the registry, so it is as if there was none.
    await world.broker({ ...secure, id: 'distrustful', logger })
    assert.match(JSON.stringify(told), /registry_lost.*(certificate|verify)/)
    await world.broker({ ...secure, id: 'b1', registryTls: { ca } })
    const plain = { listen: 'ws://127.0.0.1:0', registry: url, registryTls: { ca } }
    const refused = await failure(startBroker(plain), 'invalid_argument')
    assert.match(refused.message, /urls must be wss:\/\/ where the registry speaks TLS; got ws:/)
    const bus = await world.connect({ registry: url }, { tls: { ca } })
    assert.equal(bus.snapshot().links[0]?.broker, 'b1')
    const stranger = connect({ registry: url }, { connectTimeoutMs: 300 })
    assert.match((await failure(stranger, 'not_connected')).message, /no registry answered.*certif/)
    // Whoever never gets through the handshake does not hold up the end.
    const mute = connectTo(Number(new URL(url).port), '127.0.0.1')
    world.later(() => mute.destroy())
    const hello = connectTls({ port: Number(new URL(url).port), ca, host: '127.0.0.1' })
    hello.on('error', () => {})
    world.later(() => hello.destroy())
  },
)

story('a client that asked over TLS ignores addresses without', async (world) => {
  const { ca, server } = await certificates()
  const broker = await world.broker({ id: 'plain' })
  const entry = { id: 'plain', life: 1, idc: 'local', ageMs: 0, urls: [broker.url] }
  const text = JSON.stringify({ copy: 'c', version: 1, brokers: [entry] })
  const url = await impostor(world, () => ({ text }), server)
  const options = { tls: { ca }, token: TOKEN, connectTimeoutMs: 300 }
  const error = await failure(connect({ registry: url }, options), 'not_connected')
  assert.match(error.message, /knows no broker/)
  assert.equal(broker.snapshot().sessions, 0)
})

story('options that are wrong keep a registry from starting, each by its name', async (world) => {
  const { ca, server } = await certificates()
  const wrong: [unknown, RegExp][] = [
    [{ listen: 'ws://127.0.0.1:0' }, /listen must be http:.*got "ws:/],
    [{ listen: 'http://127.0.0.1:70000' }, /listen must be http:/],
    [{ listen: 'http://127.0.0.1:0/path' }, /listen must be http:/],
    [{ lisen: 1 }, /"lisen" is unknown.*listen\?/],
    [{ leaseMs: 10 }, /leaseMs/],
    [{ listen: 'https://127.0.0.1:0' }, /https needs the option tls/],
    [{ tls: server }, /must be https:/],
    [{ tls: { ...server, ca } }, /"ca" in tls is unknown/],
    [{ listen: 'http://0.0.0.0:0' }, /0\.0\.0\.0 is not loopback: there a registry starts only/],
    [{ listen: 'https://[::]:0', tls: server }, /:: is not loopback: there a registry/],
    [{ tokens: [{ token: 'short' }] }, /tokens\.0\.token.*16/],
    [{ tokens: 'no-such-file.json' }, /tokens cannot be read/],
  ]
  for (const [options, says] of wrong) {
    const error = await failure(startRegistry(options as RegistryOptions), 'invalid_argument')
    assert.match(error.message, says)
  }
  const { url } = await registry(world)
  const taken = await failure(startRegistry({ listen: url }), 'invalid_argument')
  assert.match(taken.message, /is taken; is another registry running there\?/)
})

story('what a broker says of registries is checked before it listens', async () => {
  const wrong: [object, RegExp][] = [
    [{ registry: 'ws://a:1' }, /registry\.0 .*must be http:/],
    [{ registry: [] }, /registry .*at least one/],
    [{ advertise: 'http://a:1' }, /advertise\.0 .*must be ws:/],
    [{ registryTls: { cacert: 'x' } }, /"cacert" in registryTls is unknown/],
    [{ registryTls: { ca: 'x' } }, /tls/],
  ]
  for (const [options, says] of wrong) {
    assert.match((await failure(startBroker(options), 'invalid_argument')).message, says)
  }
  const { server } = await certificates()
  const everywhere = { listen: 'wss://0.0.0.0:0', tls: server, tokens: [{ token: TOKEN }] }
  const error = await failure(
    startBroker({ ...everywhere, registry: 'http://127.0.0.1:1' }),
    'invalid_argument',
  )
  assert.match(error.message, /advertise must name the urls that clients reach.*0\.0\.0\.0/)
  for (const registry of ['', [], 'ws://a:1', 'http://a:1/path', [7], 'http://u:p@a:1', null]) {
    const target = { registry } as { registry: string }
    assert.match((await failure(connect(target), 'invalid_argument')).message, /registry url/)
  }
})
