/** A relay of TCP between a client and a server that can be hurt in every way a network can. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Flow, type Manner, reset, UNHURT } from './flow.ts'

/** What clients send, and what they are sent. */
export type Direction = 'up' | 'down'

/** New connections: passed on, reset at once, or accepted and then left alone. */
export type Admission = 'pass' | 'refuse' | 'mute'

/** How a way is; what is left out is as if nothing had ever happened. */
export interface Condition {
  up?: Partial<Manner>
  down?: Partial<Manner>
  admission?: Admission
}

export interface Endpoint {
  host: string
  port: number
}

/** Accepted and not passed on yet: more than that, and the oldest are given up. */
const MAX_WAITING = 1_000

export class FaultProxy {
  readonly port: number
  readonly #server: Server
  readonly #to: Endpoint
  readonly #random: () => number
  readonly #connections = new Set<Connection>()
  /** Those of them that are not passed on yet, the oldest first. */
  readonly #waiting = new Set<Connection>()
  #up: Manner = UNHURT
  #down: Manner = UNHURT
  #admission: Admission = 'pass'
  /** Connections that came through so far. */
  count = 0

  private constructor(server: Server, to: Endpoint, random: () => number) {
    this.port = (server.address() as AddressInfo).port
    this.#server = server
    this.#to = to
    this.#random = random
    server.on('connection', (near) => this.#join(near))
  }

  /** `random` draws jitter and sizes of pieces, from 0 to below 1. */
  static async open(to: Endpoint, random: () => number = Math.random): Promise<FaultProxy> {
    // A side that has said all it has to say may still listen.
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new FaultProxy(server, to, random)
  }

  /** The same to a broker, by its url. */
  static before(url: string): Promise<FaultProxy> {
    return FaultProxy.open({ host: '127.0.0.1', port: Number(new URL(url).port) })
  }

  /** Of this place, for clients of a broker. */
  get url(): string {
    return `ws://127.0.0.1:${this.port}`
  }

  /** Connections alive now. */
  get alive(): number {
    return this.#connections.size
  }

  /** Puts the way into a condition, whatever it was in before. */
  shape({ up, down, admission = 'pass' }: Condition): void {
    this.#up = { ...UNHURT, ...up }
    this.#down = { ...UNHURT, ...down }
    this.#admission = admission
    if (admission === 'refuse') this.reset()
    for (const connection of this.#connections) {
      connection.behave(this.#up, this.#down)
      this.#passOn(connection)
    }
  }

  /** Swallows everything, one way or both, and closes nothing. */
  cut(direction: Direction | 'both' = 'both'): void {
    const cut = { isCut: true }
    this.shape({
      ...(direction === 'down' ? {} : { up: cut }),
      ...(direction === 'up' ? {} : { down: cut }),
    })
  }

  /** Breaks every connection there is; new ones may come at once. */
  reset(): void {
    for (const connection of this.#connections) connection.reset()
  }

  /** Breaks those there are when so many more bytes went through, in the middle of whatever that is. */
  resetAfter(direction: Direction, bytes: number): void {
    for (const connection of this.#connections) connection.breakAfter(direction, bytes)
  }

  /** Breaks all, and lets nobody through. */
  part(): void {
    this.shape({ admission: 'refuse' })
  }

  /** As if nothing had happened. */
  heal(): void {
    this.shape({})
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const connection of this.#connections) connection.destroy()
    await closed
  }

  #join(near: Socket): void {
    near.on('error', () => {})
    if (this.#admission === 'refuse') {
      reset(near)
      return
    }
    const connection = new Connection(near, this.#up, this.#down, this.#random)
    this.#connections.add(connection)
    this.#waiting.add(connection)
    connection.onGone = () => {
      this.#connections.delete(connection)
      this.#waiting.delete(connection)
    }
    this.#passOn(connection)
    const [oldest] = this.#waiting
    if (this.#waiting.size > MAX_WAITING) oldest!.reset()
  }

  /** A connection is not made through a way that swallows what would make it. */
  #passOn(connection: Connection): void {
    const isWaiting = this.#waiting.has(connection)
    if (!isWaiting || this.#up.isCut || this.#admission === 'mute') return
    this.#waiting.delete(connection)
    this.count += 1
    connection.dial(this.#to)
  }
}

/** One connection: the client's socket, and ours to the server once it is passed on. */
class Connection {
  readonly #near: Socket
  readonly #random: () => number
  readonly #up: Flow
  #manner: Manner
  #down: Flow | undefined
  #far: Socket | undefined
  #isBroken = false
  onGone: () => void = () => {}

  constructor(near: Socket, up: Manner, down: Manner, random: () => number) {
    this.#near = near
    this.#manner = down
    this.#random = random
    this.#up = new Flow(near, up, random, () => this.reset())
    // One that gave up before it was passed on was never there.
    near.once('end', () => {
      if (this.#far === undefined) this.destroy()
    })
    near.once('close', () => this.#look())
  }

  dial({ host, port }: Endpoint): void {
    const far = connect({ host, port, noDelay: true, allowHalfOpen: true })
    this.#far = far
    far.on('error', () => {})
    this.#down = new Flow(far, this.#manner, this.#random, () => this.reset())
    this.#down.to(this.#near)
    this.#up.to(far)
    far.once('close', () => this.#look())
  }

  behave(up: Manner, down: Manner): void {
    this.#manner = down
    this.#up.behave(up)
    this.#down?.behave(down)
  }

  breakAfter(direction: Direction, bytes: number): void {
    if (direction === 'up') this.#up.breakAfter(bytes)
    else this.#down?.breakAfter(bytes)
  }

  reset(): void {
    if (this.#isBroken) return
    this.#isBroken = true
    this.#stop()
    reset(this.#near)
    if (this.#far !== undefined) reset(this.#far)
  }

  destroy(): void {
    this.#stop()
    this.#near.destroy()
    this.#far?.destroy()
  }

  #stop(): void {
    this.#up.stop()
    this.#down?.stop()
  }

  #look(): void {
    if (!this.#near.destroyed || this.#far?.destroyed === false) return
    this.#stop()
    this.onGone()
  }
}
