/** An instance that owns a queue and refuses all that comes for it, at once: a raw peer of a broker. */
import { WebSocket } from 'ws'
import {
  BATCH_HEAD,
  decodeAssign,
  encodeAssigned,
  encodeHello,
  encodeRegister,
  FieldReader,
  Flag,
  FRAME_HEAD,
  Frame,
  frameEnd,
  PROTOCOL_VERSION,
  putRefusal,
  Reason,
  Request,
  refusalSize,
  Stage,
  SUBPROTOCOL,
  setU32,
  setU64,
  u16,
  u32,
  u64,
} from '../../../bus/index.ts'
import { TOPIC } from '../../live/caller.ts'

const NEWS = {
  ...{ reason: Reason.draining, stage: Stage.responder, queueState: 0, queue: 0, epoch: 0 },
  ...{ limit: 0, current: 0, retryAfterMs: 0, text: '' },
}

class Refuser {
  readonly #socket: WebSocket
  readonly #topic: string
  #sent = 0
  #read = 0
  #onOwner: () => void = () => {}
  /** Requests that came. */
  count = 0

  constructor(url: string, topic: string) {
    this.#topic = topic
    this.#socket = new WebSocket(url, SUBPROTOCOL, { perMessageDeflate: false })
    this.#socket.on('open', () => this.#greet())
    this.#socket.on('message', (batch: Buffer) => this.#onBatch(batch))
  }

  /** Resolves when the broker has given it a queue. */
  owner(): Promise<void> {
    return new Promise((resolve) => {
      this.#onOwner = resolve
    })
  }

  #greet(): void {
    const id = 'survival-refuser-1'
    const who = { instance: id, secret: id, replyTopic: id, name: 'refuser', idc: 'sz' }
    const versions = { minVersion: PROTOCOL_VERSION, maxVersion: PROTOCOL_VERSION }
    const rest = { label: '', token: '', knewAnotherLife: false }
    this.#send([frame(Frame.hello, encodeHello({ ...versions, ...who, ...rest }))])
  }

  #onBatch(batch: Buffer): void {
    if (u64(batch, 0) > 0) this.#read = u64(batch, 0)
    const answers: Buffer[] = []
    for (let at = BATCH_HEAD; at < batch.length; at = frameEnd(batch, at)) {
      const answer = this.#answer(batch, at)
      if (answer !== undefined) answers.push(answer)
    }
    this.#send(answers)
  }

  #answer(b: Buffer, at: number): Buffer | undefined {
    const type = b[at + 4]
    if (type === Frame.request) return this.#refuse(b, at)
    if (type === Frame.ping) return frame(Frame.pong, Buffer.alloc(0))
    if (type === Frame.welcome) {
      const credit = { window: 128, windowBytes: 1_048_576 }
      const bounds = { isStandby: false, minQueues: 0, maxQueues: 0 }
      const ask = { id: 1, topic: this.#topic, group: 'accounts', ...credit, ...bounds }
      return frame(Frame.register, encodeRegister(ask))
    }
    if (type !== Frame.assign) return undefined
    const assign = decodeAssign(new FieldReader(b, at + FRAME_HEAD, frameEnd(b, at)))
    setImmediate(() => this.#onOwner())
    return frame(Frame.assigned, encodeAssigned(assign))
  }

  #refuse(b: Buffer, at: number): Buffer {
    this.count += 1
    const out = Buffer.alloc(refusalSize(NEWS))
    const who = {
      type: Frame.refusal,
      flags: (b[at + Request.flags]! & Flag.long) | Flag.never,
      attempt: u16(b, at + Request.attempt),
      to: u32(b, at + Request.origin),
      from: 0,
      delivery: u32(b, at + Request.delivery),
      counter: u64(b, at + Request.counter),
    }
    putRefusal(out, 0, who, NEWS)
    return out
  }

  /** Without frames it is a mere acknowledgement, which has number 0. */
  #send(frames: Buffer[]): void {
    if (frames.length > 0) this.#sent += 1
    const head = Buffer.alloc(BATCH_HEAD)
    setU64(head, 0, frames.length > 0 ? this.#sent : 0)
    setU64(head, 8, this.#read)
    this.#socket.send(Buffer.concat([head, ...frames]))
  }
}

const frame = (type: number, payload: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(FRAME_HEAD + payload.length)
  setU32(bytes, 0, payload.length + 1)
  bytes[4] = type
  bytes.set(payload, FRAME_HEAD)
  return bytes
}

export function refuserPart() {
  let refuser: Refuser | undefined
  return {
    own: ({ url }: { url: string }): Promise<void> => {
      refuser = new Refuser(url, TOPIC)
      return refuser.owner()
    },
    count: (): number => refuser!.count,
  }
}
