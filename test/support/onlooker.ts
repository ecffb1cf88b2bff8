/**
 * Stands between clients and a broker, and says and hears what a broker does that people look at: it
 * puts frames of its own among those of the broker, and keeps what clients answer to them.
 */
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { BATCH_HEAD, Frame, SUBPROTOCOL, setU64, u32, u64 } from '../../bus/index.ts'
import { encodeObserve, encodeOrder, type Observe } from '../../bus/observe-frames.ts'
import type { Order, OrderAnswer } from '../../bus/order.ts'
import type { Report } from '../../bus/report.ts'
import { frame } from './raw.ts'
import { until } from './world.ts'

export interface HeardReport extends Report {
  readonly bytes: number
}

/** One client's way through. */
class Way {
  readonly client: WebSocket
  readonly broker: WebSocket
  /** Numbers of the batches, as the client sees them, that no broker has sent. */
  readonly inserted: number[] = []
  last = 0
  isWelcome = false

  constructor(client: WebSocket, broker: WebSocket) {
    this.client = client
    this.broker = broker
  }

  say(bytes: Buffer): void {
    this.last += 1
    this.inserted.push(this.last)
    const head = Buffer.alloc(BATCH_HEAD)
    setU64(head, 0, this.last)
    setU64(head, 8, this.acked)
    this.client.send(Buffer.concat([head, bytes]))
  }

  /** Number of the client's newest batch that the broker has read. */
  acked = 0
}

export class Onlooker {
  readonly url: string
  readonly reports: HeardReport[] = []
  /** Types of all frames that clients sent. */
  readonly heard: number[] = []
  readonly #server: WebSocketServer
  readonly #ways = new Set<Way>()
  readonly #answers = new Map<number, OrderAnswer>()
  #orders = 0
  #observe: Observe | undefined

  private constructor(server: WebSocketServer, url: string, broker: string) {
    this.#server = server
    this.url = url
    server.on('connection', (client) => this.#join(client, broker))
  }

  static async before(broker: string): Promise<Onlooker> {
    const server = new WebSocketServer({
      host: '127.0.0.1',
      port: 0,
      handleProtocols: () => SUBPROTOCOL,
      perMessageDeflate: false,
    })
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    return new Onlooker(server, `ws://127.0.0.1:${port}`, broker)
  }

  /** Asks every client, and those that come, for reports. */
  observe(everyMs: number, maxBytes = 65_536): void {
    this.#observe = { everyMs, maxBytes }
    for (const way of this.#ways) this.#ask(way)
  }

  /** Sends an order to every client and gives the answer that comes first. */
  order(order: Order): Promise<OrderAnswer> {
    return this.text(JSON.stringify(order))
  }

  async text(json: string): Promise<OrderAnswer> {
    this.#orders += 1
    const id = this.#orders
    const bytes = encodeOrder({ id, json: Buffer.from(json) })
    for (const way of this.#ways) if (way.isWelcome) way.say(frame(Frame.order, bytes))
    await until(`the answer to ${json.slice(0, 100)}`, () => this.#answers.has(id))
    return this.#answers.get(id)!
  }

  /** The first report, after the first so many, that says something. */
  async report(
    what: string,
    isIt: (report: HeardReport) => boolean,
    from = 0,
  ): Promise<HeardReport> {
    await until(what, () => this.reports.slice(from).some(isIt))
    return this.reports.slice(from).find(isIt)!
  }

  close(): Promise<void> {
    for (const { client, broker } of this.#ways) {
      client.terminate()
      broker.terminate()
    }
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #join(client: WebSocket, url: string): void {
    const broker = new WebSocket(url, [SUBPROTOCOL], { perMessageDeflate: false })
    const way = new Way(client, broker)
    this.#ways.add(way)
    const early: Buffer[] = []
    const end = (): void => {
      this.#ways.delete(way)
      client.terminate()
      broker.terminate()
    }
    for (const socket of [client, broker]) {
      socket.on('close', end)
      socket.on('error', end)
    }
    client.on('message', (bytes: Buffer) => {
      const edited = this.#up(way, bytes)
      if (broker.readyState === WebSocket.OPEN) broker.send(edited)
      else early.push(edited)
    })
    broker.on('open', () => {
      for (const bytes of early) broker.send(bytes)
    })
    broker.on('message', (bytes: Buffer) => this.#down(way, bytes))
  }

  #down(way: Way, bytes: Buffer): void {
    const number = u64(bytes, 0)
    way.acked = u64(bytes, 8)
    if (number > 0) {
      way.last = number + way.inserted.length
      setU64(bytes, 0, way.last)
    }
    way.client.send(bytes)
    if (way.isWelcome || number === 0) return
    way.isWelcome = true
    this.#ask(way)
  }

  /** Takes out what is not for the broker. */
  #up(way: Way, bytes: Buffer): Buffer {
    const ack = u64(bytes, 8)
    const kept: Buffer[] = [Buffer.from(bytes.subarray(0, BATCH_HEAD))]
    setU64(kept[0]!, 8, ack - way.inserted.filter((number) => number <= ack).length)
    for (let at = BATCH_HEAD; at < bytes.length; ) {
      const end = at + 4 + u32(bytes, at)
      const type = bytes[at + 4]!
      const payload = bytes.subarray(at + 5, end)
      this.heard.push(type)
      if (type === Frame.report) {
        const report = JSON.parse(payload.toString()) as Report
        this.reports.push({ ...report, bytes: payload.length })
      } else if (type === Frame.ordered) {
        this.#answers.set(u32(payload, 0), JSON.parse(payload.toString('utf8', 4)) as OrderAnswer)
      } else kept.push(bytes.subarray(at, end))
      at = end
    }
    return Buffer.concat(kept)
  }

  #ask(way: Way): void {
    if (this.#observe === undefined || !way.isWelcome) return
    way.say(frame(Frame.observe, encodeObserve(this.#observe)))
  }
}
