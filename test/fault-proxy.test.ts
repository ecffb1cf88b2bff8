/** The fault proxy over real sockets: each thing it does to a way, and that healing takes it back. */
import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { FaultProxy } from '../scenarios/live/fault-proxy.ts'
import { seeded } from '../scenarios/live/network-part.ts'
import { story, until, type World } from './support/world.ts'

/** One side of a connection, and what came to it. */
class Side {
  readonly socket: Socket
  readonly pieces: Buffer[] = []
  hasEnded = false
  isClosed = false
  error: string | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (piece: Buffer) => this.pieces.push(piece))
    socket.on('end', () => {
      this.hasEnded = true
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code
    })
    socket.on('close', () => {
      this.isClosed = true
    })
  }

  get text(): string {
    return Buffer.concat(this.pieces).toString()
  }

  get size(): number {
    return this.pieces.reduce((sum, { length }) => sum + length, 0)
  }
}

class Place {
  readonly proxy: FaultProxy
  /** Server's ends of connections, in the order they came. */
  readonly servers: Side[]
  readonly #world: World

  constructor(world: World, proxy: FaultProxy, servers: Side[]) {
    this.#world = world
    this.proxy = proxy
    this.servers = servers
  }

  /** A client whose connection has been accepted: by the proxy, and perhaps no further. */
  async client(): Promise<Side> {
    const socket = connect({ host: '127.0.0.1', port: this.proxy.port, allowHalfOpen: true })
    this.#world.later(() => socket.destroy())
    const side = new Side(socket)
    // One that is refused may hear of it before it hears that it was accepted.
    await until('it is accepted', () => !socket.connecting || side.isClosed)
    return side
  }

  /** Both ends of a connection. */
  async pair(): Promise<[Side, Side]> {
    const before = this.servers.length
    const client = await this.client()
    await until('it came through', () => this.servers.length > before)
    return [client, this.servers[before]!]
  }
}

const open = async (world: World, seed = 1): Promise<Place> => {
  const servers: Side[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => servers.push(new Side(socket)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const proxy = await FaultProxy.open({ host: '127.0.0.1', port }, seeded(seed))
  world.later(async () => {
    await proxy.close()
    for (const { socket } of servers) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return new Place(world, proxy, servers)
}

/** Long enough for anything that is not held back to arrive. */
const moment = (): Promise<void> => pause(60)

story(
  'unhurt it passes on what is said, and each end of saying, in both directions',
  async (world) => {
    const place = await open(world)
    const [client, server] = await place.pair()
    client.socket.write('hello')
    await until('it is heard', () => server.text === 'hello')
    client.socket.end()
    await until('the end is heard', () => server.hasEnded)
    server.socket.write('still here')
    await until('and answered', () => client.text === 'still here')
    server.socket.end()
    await until('both are closed', () => client.isClosed && server.isClosed)
    await until('nothing is left', () => place.proxy.alive === 0)
    assert.deepEqual([client.error, server.error, place.proxy.count], [undefined, undefined, 1])
  },
)

story('a reset on one side is a reset on the other', async (world) => {
  const place = await open(world)
  const [client, server] = await place.pair()
  server.socket.resetAndDestroy()
  await until('it is felt', () => client.isClosed)
  assert.equal(client.error, 'ECONNRESET')
  await until('nothing is left', () => place.proxy.alive === 0)
})

story(
  'who has said all and then is gone: the other side finds out when it answers',
  async (world) => {
    const place = await open(world)
    const [client, server] = await place.pair()
    client.socket.end('all I had to say')
    await until('it is heard', () => server.hasEnded)
    client.socket.destroy()
    await until('it is felt', () => {
      if (!server.isClosed) server.socket.write('an answer')
      return server.isClosed
    })
    await until('nothing is left', () => place.proxy.alive === 0)
  },
)

story(
  'cut one way it swallows that way only; what was on its way comes with the healing',
  async (world) => {
    const place = await open(world)
    const [client, server] = await place.pair()
    place.proxy.cut('up')
    client.socket.write('one ')
    server.socket.write('down')
    await until('down is open', () => client.text === 'down')
    client.socket.end('two')
    await moment()
    assert.deepEqual([server.text, server.hasEnded], ['', false])
    place.proxy.heal()
    await until('all of it came, in order', () => server.text === 'one two' && server.hasEnded)
  },
)

story('cut both ways it tells nobody that a side is gone, until it is healed', async (world) => {
  const place = await open(world)
  const [client, server] = await place.pair()
  place.proxy.cut()
  server.socket.resetAndDestroy()
  client.socket.write('anybody?')
  await moment()
  assert.equal(client.isClosed, false)
  place.proxy.heal()
  await until('it is told', () => client.isClosed)
})

story('through a cut nobody connects; who gave up meanwhile was never there', async (world) => {
  const place = await open(world)
  place.proxy.cut()
  const [patient, gone, reset] = [await place.client(), await place.client(), await place.client()]
  patient.socket.write('I wait')
  gone.socket.write('I do not')
  gone.socket.end()
  reset.socket.resetAndDestroy()
  await until('the one who ended is let go', () => gone.isClosed)
  await moment()
  assert.equal(place.servers.length, 0)
  place.proxy.heal()
  await until('the patient one is through', () => place.servers[0]?.text === 'I wait')
  await moment()
  assert.equal(place.servers.length, 1)
})

story('latency and jitter make all of it later, and change no order', async (world) => {
  const place = await open(world)
  const [client, server] = await place.pair()
  place.proxy.shape({ up: { latencyMs: 80, jitterMs: 40 } })
  const since = performance.now()
  for (let i = 0; i < 20; i++) {
    client.socket.write(`${i} `)
    await pause(1)
  }
  server.socket.write('at once')
  await until('down is not late', () => client.text === 'at once')
  assert.equal(server.text, '')
  await until('all came', () => server.text.endsWith('19 '))
  assert.ok(performance.now() - since >= 80)
  assert.equal(server.text, Array.from({ length: 20 }, (_, i) => `${i} `).join(''))
  client.socket.end()
  await until('the end is later too', () => server.hasEnded)
})

story('a narrow way takes as long as it must', async (world) => {
  const place = await open(world)
  const [client, server] = await place.pair()
  place.proxy.shape({ down: { bytesPerSecond: 100_000 } })
  const since = performance.now()
  server.socket.write(Buffer.alloc(30_000))
  await until('all came', () => client.size === 30_000)
  // The last slice of 20 ms goes out when its turn comes, not when it is over.
  assert.ok(performance.now() - since >= 270, `${performance.now() - since} ms`)
})

story('split it comes in small pieces, the same ones for the same seed', async (world) => {
  const text = 'a frame that a reader must put together again from whatever comes'
  const sizes: number[][] = []
  for (const seed of [7, 7]) {
    const place = await open(world, seed)
    const [client, server] = await place.pair()
    place.proxy.shape({ up: { splitBytes: 3 } })
    client.socket.write(text)
    await until('all came', () => server.text === text)
    assert.ok(server.pieces.length > 10, `${server.pieces.length} pieces`)
    sizes.push(drawn(seed, text.length))
  }
  assert.deepEqual(sizes[0], sizes[1])
})

/** What that seed draws for sizes of pieces up to three bytes. */
const drawn = (seed: number, length: number): number[] => {
  const random = seeded(seed)
  const sizes: number[] = []
  for (let left = length; left > 0; left -= sizes.at(-1)!) {
    sizes.push(Math.min(left, 1 + Math.floor(random() * 3)))
  }
  return sizes
}

story('it breaks off in the middle of a frame, after exactly so many bytes', async (world) => {
  const place = await open(world)
  const [client, server] = await place.pair()
  place.proxy.resetAfter('down', 10)
  server.socket.write('0123')
  await until('the first part', () => client.text === '0123')
  server.socket.write('456789abcdef')
  // Node tells of a reset that comes together with bytes as of an end.
  await until('it is broken', () => (client.isClosed || client.hasEnded) && server.isClosed)
  assert.equal(client.text, '0123456789')
  const [again, there] = await place.pair()
  there.socket.write('whole again, and longer than ten bytes')
  await until('a new connection is whole', () => again.text.endsWith('bytes'))
})

story('reset breaks what there is and lets in what comes; parted lets nobody in', async (world) => {
  const place = await open(world)
  const [first] = await place.pair()
  place.proxy.reset()
  await until('it is broken', () => first.isClosed)
  const [second] = await place.pair()
  place.proxy.part()
  await until('it is broken', () => second.isClosed)
  const refused = await place.client()
  await until('it is refused', () => refused.isClosed)
  assert.deepEqual(
    [first, second, refused].map(({ error }) => error),
    Array(3).fill('ECONNRESET'),
  )
  assert.equal(place.servers.length, 2)
  place.proxy.heal()
  await place.pair()
})

story('mute it accepts and says nothing, and what is there already goes on', async (world) => {
  const place = await open(world)
  const [client, server] = await place.pair()
  place.proxy.shape({ admission: 'mute' })
  const late = await place.client()
  late.socket.write('hello?')
  client.socket.write('on we go')
  await until('the old one is served', () => server.text === 'on we go')
  await moment()
  assert.deepEqual([place.servers.length, late.isClosed], [1, false])
  place.proxy.heal()
  await until('the late one is served', () => place.servers[1]?.text === 'hello?')
})

story('who does not read holds up who sends: nothing piles up in between', async (world) => {
  const place = await open(world)
  const [client, server] = await place.pair()
  const total = 64 * 1_048_576
  client.socket.pause()
  let written = 0
  const chunk = Buffer.alloc(65_536, 1)
  const fill = (): void => {
    while (written < total && server.socket.write(chunk)) written += chunk.length
    if (written < total) written += chunk.length
  }
  server.socket.on('drain', fill)
  fill()
  let before = -1
  await until('the sender is held up', async () => {
    const still = written === before
    before = written
    await pause(50)
    return still
  })
  // What the kernel holds on the way, twice, and what the proxy does.
  assert.ok(written < 32 * 1_048_576, `${written} bytes are on their way`)
  client.socket.resume()
  await until('it all arrives', () => client.size >= total, 10_000)
})

story('while it delays, back-pressure holds as well', async (world) => {
  const place = await open(world)
  const [client, server] = await place.pair()
  place.proxy.shape({ down: { latencyMs: 30 } })
  const total = 8 * 1_048_576
  server.socket.write(Buffer.alloc(total, 2))
  await until('it all arrives', () => client.size === total, 10_000)
})
