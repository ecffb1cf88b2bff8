import { FieldReader, setU64, u64 } from '../../bus/bytes.ts'
import { BATCH_HEAD, checkedFrameEnd, FRAME_HEAD, Frame } from '../../bus/frame.ts'
import { decodeWelcome, encodeHello, type Hello } from '../../bus/handshake.ts'
import type { ClientNode } from '../../scenarios/sim/world/client-node.ts'
import { VirtualLink } from '../../scenarios/sim/world/link.ts'
import type { World } from '../../scenarios/sim/world/world.ts'

export interface Heard {
  readonly type: number
  /** The whole frame, its length included. */
  readonly frame: Buffer
}

/** A peer without a core, that says to a broker whatever the test wants said. */
export class RawPeer {
  readonly #world: World
  readonly #link: VirtualLink
  readonly heard: Heard[] = []
  /** Acknowledges what it reads, as a friend would. */
  isAcknowledging = true
  closedBy: string | undefined
  #sent = 0
  #read = 0

  constructor(world: World, broker = 'b1') {
    this.#world = world
    const accepted = world.brokers.get(broker)!.accept('raw')
    this.#link = new VirtualLink(
      world,
      1,
      {
        onBatch: (bytes) => this.#onBatch(bytes),
        onClosed: (reason) => {
          this.closedBy = reason
        },
      },
      accepted.events,
      () => {},
    )
    accepted.open(this.#link.broker)
  }

  /** Bytes as they are. */
  bytes(bytes: Buffer): void {
    this.#link.client.write(bytes)
    this.#world.run(5)
  }

  /** One batch with these frames, well numbered. */
  batch(...frames: Buffer[]): void {
    this.#sent += 1
    const head = Buffer.alloc(BATCH_HEAD)
    setU64(head, 0, this.#sent)
    setU64(head, 8, this.#read)
    this.bytes(Buffer.concat([head, ...frames]))
  }

  /** Introduces itself and waits for the answer; its handle, or 0 when it was rejected. */
  hello(about: Partial<Hello> = {}): number {
    const hello = {
      minVersion: 1,
      maxVersion: 1,
      instance: 'instance-raw',
      secret: 'secret-of-raw',
      replyTopic: 'replies-of-raw',
      name: 'raw',
      idc: 'local',
      label: '',
      token: '',
      knewAnotherLife: false,
      ...about,
    }
    this.batch(control(Frame.hello, encodeHello(hello)))
    const welcome = this.of(Frame.welcome)[0]
    if (welcome === undefined) return 0
    return decodeWelcome(new FieldReader(welcome, FRAME_HEAD, welcome.length)).handle
  }

  of(type: number): Buffer[] {
    return this.heard.filter((heard) => heard.type === type).map(({ frame }) => frame)
  }

  leave(): void {
    this.#link.client.close(1000, 'done')
  }

  #onBatch(bytes: Buffer): void {
    const number = u64(bytes, 0)
    for (let at = BATCH_HEAD; at < bytes.length; ) {
      const end = checkedFrameEnd(bytes, at)
      this.heard.push({ type: bytes[at + 4]!, frame: Buffer.from(bytes.subarray(at, end)) })
      at = end
    }
    if (number === 0) return
    if (!this.isAcknowledging) return
    this.#read = number
    const head = Buffer.alloc(BATCH_HEAD)
    setU64(head, 8, this.#read)
    this.#link.client.write(head)
  }
}

/** A control frame. */
export const control = (type: number, payload: Buffer): Buffer => {
  const frame = Buffer.alloc(FRAME_HEAD + payload.length)
  frame.writeUInt32LE(payload.length + 1, 0)
  frame[4] = type
  payload.copy(frame, FRAME_HEAD)
  return frame
}

/** Bytes for a client as from its broker, which has read all there is: one batch, well numbered. */
export const say = (client: ClientNode, ...frames: Buffer[]): void => {
  const link = client.links[0]!
  const head = Buffer.alloc(BATCH_HEAD)
  setU64(head, 0, link.pulse.read + 1)
  setU64(head, 8, link.pulse.sent)
  client.step((now) => client.core.onBatch(now, link, Buffer.concat([head, ...frames])))
}
