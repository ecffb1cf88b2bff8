/** One direction of a connection through the fault proxy: what is read here is written there, or not. */
import type { Socket } from 'node:net'
import { clock } from './clock.ts'

/** How one direction behaves. */
export interface Manner {
  /**
   * Passes nothing on and tells nobody, not even that a side has closed: a network that swallows. A
   * stream of TCP has no holes, so what was on its way still arrives when the network is back.
   */
  isCut: boolean
  /** Everything is so much later, and by chance up to `jitterMs` more; the order stays. */
  latencyMs: number
  jitterMs: number
  /** 0: as many as there are. */
  bytesPerSecond: number
  /** Written in pieces of 1 to so many bytes; 0: as they came. */
  splitBytes: number
}

export const UNHURT: Manner = {
  isCut: false,
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: 0,
  splitBytes: 0,
}

interface Item {
  /** Empty for the end of the stream. */
  bytes: Buffer
  end: 'none' | 'end' | 'reset'
  due: number
}

/** Beyond it the source is not read: the kernel, and then the sender, have to wait. */
const MAX_QUEUED = 1_048_576
/** Of a narrow way, what is written at once lasts so long. */
const SLICE_MS = 20
const NONE = Buffer.alloc(0)

/**
 * Without a goodbye. `resetAndDestroy` sends the end of the stream first, which then is all that the other
 * side sees; the mark it sets is what makes closing a reset. A socket that is ending already cannot be
 * reset, and would stay for ever.
 */
export const reset = (socket: Socket): void => {
  const canReset = !socket.writableEnded && !socket.connecting
  Object.assign(socket, { resetAndClosing: canReset }).destroy()
}

export class Flow {
  readonly #source: Socket
  readonly #random: () => number
  readonly #onFuse: () => void
  readonly #queue: Item[] = []
  #sink: Socket | undefined
  #manner: Manner
  #queued = 0
  #lastDue = 0
  #freeAt = 0
  /** Bytes until the connection breaks. */
  #fuse = Number.POSITIVE_INFINITY
  #isFull = false
  #hasEnded = false
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Immediate | undefined

  constructor(source: Socket, manner: Manner, random: () => number, onFuse: () => void) {
    this.#source = source
    this.#manner = manner
    this.#random = random
    this.#onFuse = onFuse
    source.on('data', (bytes: Buffer) => this.#take(bytes))
    source.on('end', () => this.#finish('end'))
    // Who has said all may still break off listening.
    source.on('close', (hasFailed) => {
      if (hasFailed || !this.#hasEnded) this.#finish('reset')
    })
    this.#readOrNot()
  }

  /** Before there is a sink, what comes is kept, cut or not. */
  to(sink: Socket): void {
    this.#sink = sink
    sink.on('drain', () => {
      this.#isFull = false
      this.#pump()
      this.#readOrNot()
    })
    this.#readOrNot()
    this.#pump()
  }

  behave(manner: Manner): void {
    this.#manner = manner
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#readOrNot()
    this.#pump()
  }

  /** Breaks the connection, both ways, when so many more bytes have been written. */
  breakAfter(bytes: number): void {
    this.#fuse = bytes
    if (bytes <= 0) this.#onFuse()
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#soon)
    this.#queue.length = 0
    this.#sink = undefined
  }

  #take(bytes: Buffer): void {
    if (this.#isPlain) {
      this.#write(bytes)
      return
    }
    this.#queued += bytes.length
    this.#queue.push({ bytes, end: 'none', due: this.#due() })
    this.#readOrNot()
    this.#pump()
  }

  #finish(end: 'end' | 'reset'): void {
    this.#hasEnded = true
    this.#queue.push({ bytes: NONE, end, due: this.#due() })
    this.#pump()
  }

  get #isPlain(): boolean {
    const { isCut, latencyMs, jitterMs, bytesPerSecond, splitBytes } = this.#manner
    if (isCut || this.#isFull || this.#queue.length > 0 || this.#sink === undefined) return false
    return latencyMs + jitterMs + bytesPerSecond + splitBytes === 0 && this.#fuse > MAX_QUEUED
  }

  #due(): number {
    const { latencyMs, jitterMs } = this.#manner
    if (latencyMs + jitterMs === 0) return this.#lastDue
    this.#lastDue = Math.max(this.#lastDue, clock() + latencyMs + this.#random() * jitterMs)
    return this.#lastDue
  }

  #readOrNot(): void {
    const isHeld = this.#manner.isCut && this.#sink !== undefined
    if (isHeld || this.#isFull || this.#queued >= MAX_QUEUED) this.#source.pause()
    else this.#source.resume()
  }

  #pump(): void {
    const hadMuch = this.#queued >= MAX_QUEUED
    while (this.#step());
    if (hadMuch && this.#queued < MAX_QUEUED) this.#readOrNot()
  }

  /** Passes one piece on; false if there is none to pass now. */
  #step(): boolean {
    const [item] = this.#queue
    if (item === undefined || this.#manner.isCut || this.#isFull || this.#sink === undefined) {
      return false
    }
    const isWaiting = this.#timer !== undefined || this.#soon !== undefined
    if (isWaiting || this.#fuse <= 0) return false
    const { bytesPerSecond, splitBytes } = this.#manner
    const now = clock()
    const at = Math.max(item.due, bytesPerSecond > 0 ? this.#freeAt : 0)
    if (at > now) {
      this.#again(at - now)
      return false
    }
    if (item.end !== 'none') {
      this.#queue.shift()
      if (item.end === 'end') this.#sink.end()
      else reset(this.#sink)
      return false
    }
    const size = this.#pieceOf(item.bytes.length)
    if (bytesPerSecond > 0) this.#freeAt = now + (size / bytesPerSecond) * 1_000
    const piece = item.bytes.subarray(0, size)
    item.bytes = item.bytes.subarray(size)
    this.#queued -= size
    if (item.bytes.length === 0) this.#queue.shift()
    this.#write(piece)
    // In one turn of the loop the kernel would put the pieces together again.
    if (splitBytes > 0) this.#nextTurn()
    return true
  }

  #pieceOf(length: number): number {
    const { bytesPerSecond, splitBytes } = this.#manner
    let size = Math.min(length, this.#fuse)
    if (splitBytes > 0) size = Math.min(size, 1 + Math.floor(this.#random() * splitBytes))
    if (bytesPerSecond > 0) size = Math.min(size, Math.ceil((bytesPerSecond * SLICE_MS) / 1_000))
    return size
  }

  #write(piece: Buffer): void {
    const sink = this.#sink!
    this.#fuse -= piece.length
    // To a side that is gone things may be sent for ever: nobody says so until its word comes back.
    const isLast = this.#fuse <= 0
    if (sink.writable && !sink.write(piece, isLast ? () => this.#onFuse() : undefined)) {
      this.#isFull = true
      this.#readOrNot()
    }
  }

  #again(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#pump()
    }, Math.ceil(ms))
  }

  #nextTurn(): void {
    this.#soon = setImmediate(() => {
      this.#soon = undefined
      this.#pump()
    })
  }
}
