/**
 * The machine's relay floor: the least that three processes and ws can do for a request and its
 * reply. No topics, deadlines, limits or failures; frames of one turn share a ws message.
 *
 * A frame is `u32 length of the body | u8 kind | u32 id | body`. A body over `ALONE` bytes is the
 * whole of the next ws message, so that it passes by reference.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { type Call, closedLoop, countWrongEchoes, type LoadPlan } from './load.ts'

const REQUEST = 1
const REPLY = 2
const JOIN = 3
const HEAD = 9
const ALONE = 4_096
const PACK = 32 * 1_024
const NOTHING = Buffer.alloc(0)

type OnFrame = (kind: number, id: number, body: Buffer) => void

/** One end of a connection: packs what is sent in a turn, unpacks what arrives. */
class FloorLink {
  readonly #socket: WebSocket
  readonly #onFrame: OnFrame
  readonly #scratch = Buffer.allocUnsafeSlow(PACK)
  #used = 0
  #armed = false
  /** The head whose body is the next message. */
  #awaited: { kind: number; id: number } | undefined

  constructor(socket: WebSocket, onFrame: OnFrame) {
    this.#socket = socket
    this.#onFrame = onFrame
    socket.on('message', (data) => this.#read(data))
    socket.on('error', () => socket.terminate())
  }

  send(kind: number, id: number, body: Buffer): void {
    const alone = body.length > ALONE
    if (this.#used + HEAD + (alone ? 0 : body.length) > PACK) this.#flush()
    const at = this.#used
    this.#scratch.writeUInt32LE(body.length, at)
    this.#scratch[at + 4] = kind
    this.#scratch.writeUInt32LE(id, at + 5)
    this.#used = at + HEAD
    if (alone) {
      this.#flush()
      this.#socket.send(body)
      return
    }
    body.copy(this.#scratch, this.#used)
    this.#used += body.length
    if (this.#armed) return
    this.#armed = true
    setImmediate(() => {
      this.#armed = false
      this.#flush()
    })
  }

  close(): void {
    this.#socket.terminate()
  }

  #flush(): void {
    if (this.#used === 0) return
    this.#socket.send(Buffer.from(this.#scratch.subarray(0, this.#used)))
    this.#used = 0
  }

  #read(data: RawData): void {
    const message = data as Buffer
    if (this.#awaited !== undefined) {
      const { kind, id } = this.#awaited
      this.#awaited = undefined
      this.#onFrame(kind, id, message)
      return
    }
    for (let at = 0; at < message.length; ) {
      const length = message.readUInt32LE(at)
      const kind = message[at + 4]!
      const id = message.readUInt32LE(at + 5)
      at += HEAD
      if (length > ALONE) {
        this.#awaited = { kind, id }
        return
      }
      this.#onFrame(kind, id, message.subarray(at, at + length))
      at += length
    }
  }
}

/** Relays requests to the one responder that joined, and replies to where the request came from. */
export function floorBroker() {
  const open: ({ from: FloorLink; id: number } | undefined)[] = []
  const free: number[] = []
  let responder: FloorLink | undefined

  function accept(socket: WebSocket): void {
    const link: FloorLink = new FloorLink(socket, (kind, id, body) => {
      if (kind === REQUEST) {
        const slot = free.pop() ?? open.length
        open[slot] = { from: link, id }
        responder?.send(REQUEST, slot, body)
      } else if (kind === REPLY) {
        const call = open[id]
        open[id] = undefined
        free.push(id)
        call?.from.send(REPLY, call.id, body)
      } else {
        responder = link
        link.send(JOIN, 0, NOTHING)
      }
    })
  }

  return {
    listen: async (): Promise<{ url: string }> => {
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
      server.on('connection', accept)
      await once(server, 'listening')
      return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` }
    },
  }
}

/** Sends every request back. */
export function floorResponder() {
  return {
    join: async ({ url }: { url: string }): Promise<void> => {
      const socket = await dial(url)
      await new Promise<void>((joined) => {
        const link = new FloorLink(socket, (kind, id, body) => {
          if (kind === REQUEST) link.send(REPLY, id, body)
          else joined()
        })
        link.send(JOIN, 0, NOTHING)
      })
    },
  }
}

/** As many connections as asked for, each with its own open calls. */
export function floorRequester() {
  const clients: { call: Call; close(): void }[] = []
  return {
    open: async ({ url, clients: wanted }: { url: string; clients: number }): Promise<void> => {
      for (const client of clients.splice(wanted)) client.close()
      while (clients.length < wanted) clients.push(floorClient(await dial(url)))
    },
    verify: ({ calls }: { calls: number }): Promise<number> =>
      countWrongEchoes(clients[0]!.call, calls),
    load: (plan: LoadPlan) => closedLoop((caller) => clients[caller % clients.length]!.call, plan),
  }
}

function floorClient(socket: WebSocket): { call: Call; close(): void } {
  const open: (((body: Buffer) => void) | undefined)[] = []
  const free: number[] = []
  const link = new FloorLink(socket, (_kind, id, body) => {
    const settle = open[id]
    open[id] = undefined
    free.push(id)
    settle?.(body)
  })
  return {
    call: (body) =>
      new Promise((settle) => {
        const id = free.pop() ?? open.length
        open[id] = settle
        link.send(REQUEST, id, body as Buffer)
      }),
    close: () => link.close(),
  }
}

async function dial(url: string): Promise<WebSocket> {
  // Zeros skip the masking, which protects only proxies that do not know ws.
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    generateMask: (mask) => mask.fill(0),
  })
  await once(socket, 'open')
  return socket
}
