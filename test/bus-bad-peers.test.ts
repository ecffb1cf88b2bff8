/** Peers that speak nonsense, or too much: refused with a reason, and nobody else notices. */
import assert from 'node:assert/strict'
import { connect as connectTcp, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Broker } from '../broker/index.ts'
import { BATCH_HEAD, Frame, putHead, Reply, ReplyKind, setU32, setU64 } from '../bus/index.ts'
import { connect as connectBus } from '../rr-client/index.ts'
import { certificates } from './support/certificates.ts'
import { frame, RawClient } from './support/raw.ts'
import { ending, failure, story, strictLog, tally, until, type World } from './support/world.ts'

/** Calls of an honest client that go on all the while; `end` says how they ended. */
const bystander = async (world: World, broker: Broker) => {
  const service = await world.connect(broker.url, { name: 'honest' })
  await service.reply('work.echo', (body) => body)
  const bus = await world.connect(broker.url)
  let isOver = false
  const endings: Awaited<ReturnType<typeof ending>>[] = []
  const calling = (async () => {
    for (let i = 0; !isOver; i++) endings.push(await ending(bus.request('work.echo', i)))
  })()
  return {
    bus,
    end: async () => {
      const before = endings.length
      await until('calls go on', () => endings.length > before)
      isOver = true
      await calling
      assert.deepEqual(tally(endings), { ok: endings.length })
      const { counters, links } = bus.snapshot()
      assert.equal(counters.protocolErrors, 0)
      assert.equal(links[0]!.state, 'up')
    },
  }
}

const noise = (size: number, seed: number): Buffer => {
  let state = seed
  return Buffer.from(
    Array.from({ length: size }, () => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
      return state >> 16
    }),
  )
}

const head = (number: number): Buffer => {
  const bytes = Buffer.alloc(BATCH_HEAD)
  setU64(bytes, 0, number)
  return bytes
}

const longer = (() => {
  const bytes = frame(Frame.ping, Buffer.alloc(4))
  setU32(bytes, 0, 4_000_000)
  return bytes
})()

const NONSENSE: Record<string, (raw: RawClient) => void> = {
  'noise before hello': (raw) => raw.send(noise(500, 7)),
  'an empty message': (raw) => raw.send(Buffer.alloc(0)),
  'half a batch head': (raw) => raw.send(Buffer.alloc(7)),
  'a frame longer than its batch': (raw) => raw.send(Buffer.concat([head(1), longer])),
  'half a frame': (raw) => raw.send(Buffer.concat([head(1), Buffer.from([9, 0])])),
  'frames in batch 0': (raw) =>
    raw.send(Buffer.concat([head(0), frame(Frame.ping, Buffer.alloc(0))])),
  'a batch out of order': (raw) =>
    raw.send(Buffer.concat([head(9), frame(Frame.ping, Buffer.alloc(0))])),
  'a request before hello': (raw) => raw.batch(frame(Frame.request, Buffer.alloc(80))),
  'a hello of noise': (raw) => raw.batch(frame(Frame.hello, noise(60, 3))),
  'half a hello': (raw) => raw.batch(frame(Frame.hello, Buffer.from([1, 0, 1, 0, 200]))),
  'a text message': (raw) => raw.send('{"hello":"world"}'),
  'a frame that only brokers send': (raw) => {
    raw.hello()
    raw.batch(frame(Frame.welcome, Buffer.alloc(20)))
  },
  'a frame of no known type': (raw) => {
    raw.hello()
    raw.batch(frame(250, Buffer.alloc(20)))
  },
  'noise after hello': (raw) => {
    raw.hello()
    raw.send(Buffer.concat([head(2), noise(900, 11)]))
  },
  'a request with headers longer than it': (raw) => {
    raw.hello()
    const bytes = Buffer.alloc(80)
    putHead(bytes, 0, 80, Frame.request, 0)
    setU32(bytes, 8, 1_000_000)
    raw.batch(bytes)
  },
  'acknowledging what was never sent': (raw) => {
    raw.hello()
    const bytes = head(2)
    setU64(bytes, 8, 4_000)
    raw.send(bytes)
  },
}

story(
  'nonsense of every kind: the link is ended with a reason, and nobody else notices',
  async (world) => {
    const broker = await world.broker()
    const { end } = await bystander(world, broker)
    for (const [what, say] of Object.entries(NONSENSE)) {
      const raw = await RawClient.open(broker.url)
      say(raw)
      const { code, reason } = await raw.end().catch(() => assert.fail(`${what}: was not ended`))
      assert.ok([1002, 1003, 1008].includes(code), `${what}: code ${code}`)
      assert.ok(reason.length > 0, `${what}: without a reason`)
    }
    await until('their links are gone', () => broker.snapshot().links === 2)
    await end()
  },
)

story('a message beyond every limit, and a flood of small ones', async (world) => {
  const broker = await world.broker()
  const { end } = await bystander(world, broker)
  const large = await RawClient.greeted(broker.url)
  large.send(Buffer.alloc(3 * 1_048_576))
  await large.end()
  const many = await RawClient.greeted(broker.url, { instance: 'raw-instance-0002' })
  for (let i = 0; i < 5_000; i++) many.batch(frame(Frame.ping, Buffer.alloc(0)))
  await until(
    'all are answered',
    () => many.frames.filter(({ type }) => type === Frame.pong).length >= 5_000,
  )
  many.close()
  await end()
})

story('hellos that are refused say why', async (world) => {
  const broker = await world.broker()
  const { bus, end } = await bystander(world, broker)
  const newer = await RawClient.open(broker.url)
  newer.hello({ minVersion: 2, maxVersion: 9 })
  const version = await newer.end()
  assert.deepEqual([version.reject, version.code], ['incompatible_version', 1008])
  assert.match(version.message!, /version 1.*2 to 9/)

  const thief = await RawClient.open(broker.url)
  thief.hello({ instance: bus.instance, secret: 'not-the-secret-of-it' })
  const stolen = await thief.end()
  assert.equal(stolen.reject, 'unauthenticated')
  assert.ok(!stolen.message!.includes('not-the-secret'))

  const short = await RawClient.open(broker.url)
  short.hello({ instance: 'x' })
  assert.equal((await short.end()).reject, 'invalid_argument')
  const twice = await RawClient.greeted(broker.url)
  twice.hello()
  assert.ok((await twice.end()).reason.length > 0, 'a second hello')
  await end()
})

story('the wrong subprotocol, a foreign Origin, no ws at all', async (world) => {
  const broker = await world.broker({ origins: ['https://bank.example'] })
  const { end } = await bystander(world, broker)
  for (const protocol of [[], ['finbus.2'], ['graphql-ws']]) {
    const { refusal } = await RawClient.open(broker.url, protocol)
    assert.equal(refusal?.status, 426)
    assert.match(refusal.text, /finbus\.1/)
  }
  const foreign = await RawClient.open(broker.url, ['finbus.1'], 'https://evil.example')
  assert.equal(foreign.refusal?.status, 403)
  assert.match(foreign.refusal.text, /evil\.example/)
  const own = await RawClient.open(broker.url, ['finbus.1'], 'https://bank.example')
  assert.equal(own.isOpen, true)
  own.close()
  const response = await fetch(broker.url.replace('ws:', 'http:'), {
    headers: { connection: 'close' },
  })
  assert.equal(response.status, 426)
  assert.match(await response.text(), /finbus/)
  await end()
})

story('a peer that says no hello is let go after a while', async (world) => {
  const broker = await world.broker()
  const { end } = await bystander(world, broker)
  const mute = await RawClient.open(broker.url)
  const { reason } = await mute.end(8_000)
  assert.match(reason, /hello/)
  await end()
})

/** A reply for a call that this peer was never sent, addressed to a handle of its choice. */
const forgedReply = (to: number, counter: number): Buffer => {
  const body = Buffer.from('"forged"')
  const bytes = Buffer.alloc(Reply.head + body.length)
  putHead(bytes, 0, bytes.length, Frame.reply, 0)
  bytes[Reply.kind] = ReplyKind.ok
  setU32(bytes, Reply.to, to)
  setU32(bytes, Reply.delivery, 1)
  setU64(bytes, Reply.counter, counter)
  body.copy(bytes, Reply.head)
  return bytes
}

story('a reply for a call never sent to its sender settles nothing', async (world) => {
  const broker = await world.broker()
  const service = await world.connect(broker.url, { name: 'slow' })
  let open: () => void = () => {}
  const isOpen = new Promise<string>((resolve) => {
    open = () => resolve('honest')
  })
  await service.reply('work.slow', () => isOpen)
  const bus = await world.connect(broker.url)
  const call = bus.request('work.slow', {})
  await until('it runs', () => service.snapshot().answering[0]!.running === 1)
  const forger = await RawClient.greeted(broker.url)
  for (let handle = 1; handle < 5; handle++) {
    for (let counter = 1; counter < 4; counter++) forger.batch(forgedReply(handle, counter))
  }
  await until('the forgeries came', () => bus.snapshot().counters.foreignReplies! > 0)
  open()
  assert.equal(await call, 'honest')
  forger.close()
})

const tcp = (world: World, url: string): Socket => {
  const { port } = new URL(url.replace(/^ws/, 'http'))
  const socket = connectTcp({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  world.later(() => socket.destroy())
  return socket
}

const closesSoon = async (broker: Broker, what: string): Promise<void> => {
  const stop = new AbortController()
  const late = pause(4_000, true, { signal: stop.signal }).catch(() => false)
  const isLate = await Promise.race([broker.close(), late])
  stop.abort()
  assert.ok(isLate !== true, `${what} keeps the broker from closing`)
}

story('a broker closes whatever sockets others leave open', async (world) => {
  const silent = await world.broker()
  const mute = tcp(world, silent.url)
  await new Promise((resolve) => mute.once('connect', resolve))
  await closesSoon(silent, 'a connection that says nothing')

  const strict = await world.broker()
  const refused = tcp(world, strict.url)
  const answer = new Promise<string>((resolve) =>
    refused.once('data', (data) => resolve(String(data))),
  )
  refused.write(
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://evil.example\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  assert.match(await answer, /403/)
  await closesSoon(strict, 'a refused peer that does not hang up')

  const { server } = await certificates()
  const secure = await world.broker({ listen: 'wss://127.0.0.1:0', tls: server })
  const plain = tcp(world, secure.url)
  await new Promise((resolve) => plain.once('connect', resolve))
  await closesSoon(secure, 'a connection that begins no TLS')
})

story('a client that speaks plain ws to a wss broker, and the other way round', async (world) => {
  const { server, ca } = await certificates()
  const secure = await world.broker({ listen: 'wss://127.0.0.1:0', tls: server })
  const options = { connectTimeoutMs: 300, logger: strictLog }
  await failure(connectBus(secure.url.replace('wss', 'ws'), options), 'not_connected')
  const plain = await world.broker()
  await failure(
    connectBus(plain.url.replace('ws', 'wss'), { ...options, tls: { ca } }),
    'not_connected',
  )
  const bus = await world.connect(secure.url, { tls: { ca } })
  await bus.reply('work.one', () => 1)
  assert.equal(await bus.request('work.one', {}), 1)
})
