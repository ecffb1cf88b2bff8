/** A peer that speaks ws, and as much or as little of the protocol as a story wants. */
import { WebSocket } from 'ws'
import {
  BATCH_HEAD,
  encodeHello,
  FieldReader,
  Frame,
  type Hello,
  SUBPROTOCOL,
  setU32,
  setU64,
  u32,
} from '../../bus/index.ts'
import { until } from './world.ts'

export interface RawFrame {
  type: number
  payload: Buffer
}

export interface RawEnd {
  code: number
  reason: string
}

export const HELLO: Hello = {
  minVersion: 1,
  maxVersion: 1,
  instance: 'raw-instance-0001',
  secret: 'raw-secret-000001',
  replyTopic: 'raw-reply-topic-1',
  name: 'raw',
  idc: 'local',
  label: '',
  token: '',
  knewAnotherLife: false,
}

/** A frame as it stands in a batch. */
export const frame = (type: number, payload: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(5 + payload.length)
  setU32(bytes, 0, payload.length + 1)
  bytes[4] = type
  bytes.set(payload, 5)
  return bytes
}

export class RawClient {
  readonly frames: RawFrame[] = []
  /** Set when the broker refused to upgrade. */
  refusal: { status: number; text: string } | undefined
  ended: RawEnd | undefined
  readonly #socket: WebSocket
  #sent = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data: Buffer) => this.#read(data))
    socket.on('error', () => {})
    socket.on('close', (code, reason) => {
      this.ended = { code, reason: reason.toString() }
    })
    socket.on('unexpected-response', (_request, response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        text += piece
      })
      response.on('end', () => {
        this.refusal = { status: response.statusCode ?? 0, text }
        socket.terminate()
      })
    })
  }

  /** Resolves when the upgrade was granted or refused. */
  static async open(
    url: string,
    protocol: string[] = [SUBPROTOCOL],
    origin?: string,
  ): Promise<RawClient> {
    const options = { perMessageDeflate: false, ...(origin === undefined ? {} : { origin }) }
    const socket = new WebSocket(url, protocol, options)
    const raw = new RawClient(socket)
    await until('opened or refused', () => raw.isOpen || raw.ended !== undefined)
    return raw
  }

  /** One that has been welcomed. */
  static async greeted(url: string, hello: Partial<Hello> = {}): Promise<RawClient> {
    const raw = await RawClient.open(url)
    raw.hello(hello)
    await raw.got(Frame.welcome)
    return raw
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  hello(hello: Partial<Hello> = {}): void {
    this.batch(frame(Frame.hello, encodeHello({ ...HELLO, ...hello })))
  }

  /** Frames in a well-formed batch. */
  batch(...frames: Buffer[]): void {
    this.#sent += 1
    const head = Buffer.alloc(BATCH_HEAD)
    setU64(head, 0, this.#sent)
    this.send(Buffer.concat([head, ...frames]))
  }

  /** Anything at all. */
  send(what: Uint8Array | string): void {
    this.#socket.send(what)
  }

  async got(type: number): Promise<RawFrame> {
    await until(`frame ${type}`, () => this.frames.some((one) => one.type === type))
    return this.frames.find((one) => one.type === type)!
  }

  /** How the broker ended the link, and the reject it said before, if it did. */
  async end(withinMs = 3_000): Promise<RawEnd & { reject?: string; message?: string }> {
    await until('the link is ended', () => this.ended !== undefined, withinMs)
    const reject = this.frames.find(({ type }) => type === Frame.reject)
    if (reject === undefined) return this.ended!
    const reader = new FieldReader(reject.payload, 0, reject.payload.length)
    return {
      ...this.ended!,
      reject: reader.text('code', 64),
      message: reader.text('message', 4_096),
    }
  }

  close(): void {
    this.#socket.terminate()
  }

  #read(data: Buffer): void {
    for (let at = BATCH_HEAD; at < data.length; ) {
      const end = at + 4 + u32(data, at)
      this.frames.push({ type: data[at + 4]!, payload: data.subarray(at + 5, end) })
      at = end
    }
  }
}
