import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Without a goodbye; a socket that is ending already cannot be reset, and would stay for ever. */
const reset = (socket: Socket): void => {
  if (socket.writableEnded || socket.connecting) socket.destroy()
  else socket.resetAndDestroy()
}

/** A TCP relay between a client and a broker that can be hurt. */
export class Cutter {
  readonly url: string
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #isRefusing = false
  #isSilent = false
  /** Connections that came through so far. */
  count = 0

  private constructor(server: Server, port: number) {
    this.#server = server
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('connection', (near) => this.#join(near, port))
  }

  static async open(url: string): Promise<Cutter> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new Cutter(server, Number(new URL(url).port))
  }

  /** Connections alive now. */
  get alive(): number {
    return this.#pairs.size
  }

  /** Cuts every connection there is; new ones may come at once. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) reset(socket)
    this.#pairs.clear()
  }

  /** Cuts, and lets nobody through until `heal`. */
  sever(): void {
    this.#isRefusing = true
    this.cut()
  }

  /** Passes nothing on, without closing anything: a network that swallows. */
  silence(): void {
    this.#isSilent = true
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  heal(): void {
    this.#isRefusing = false
    this.#isSilent = false
    for (const pair of this.#pairs) for (const socket of pair) socket.resume()
  }

  async close(): Promise<void> {
    this.sever()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #join(near: Socket, port: number): void {
    near.on('error', () => {})
    if (this.#isRefusing) {
      reset(near)
      return
    }
    this.count += 1
    const far = connect({ port, host: '127.0.0.1', noDelay: true })
    far.on('error', () => {})
    near.setNoDelay(true)
    const pair = [near, far] as const
    this.#pairs.add(pair)
    near.pipe(far)
    far.pipe(near)
    for (const socket of pair) {
      socket.once('close', () => {
        this.#pairs.delete(pair)
        for (const other of pair) other.destroy()
      })
      if (this.#isSilent) socket.pause()
    }
  }
}
