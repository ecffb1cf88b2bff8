import type { Wire } from '../outbox.ts'
import type { LinkEvents, LinkHost } from './link.ts'

/** One end of a link within a process. Bytes are copied, as a socket would. */
class MemoryEnd implements Wire {
  peer: MemoryEnd | undefined
  events: LinkEvents | undefined
  #isClosed = false
  #inbox: Buffer[] = []

  write(message: Buffer): void {
    const { peer } = this
    if (this.#isClosed || peer === undefined) return
    peer.#inbox.push(Buffer.from(message))
    if (peer.#inbox.length === 1) setImmediate(peer.#deliver)
  }

  isDrained(): boolean {
    return true
  }

  unsentBytes(): number {
    let bytes = 0
    const { peer } = this
    if (peer !== undefined) for (const message of peer.#inbox) bytes += message.length
    return bytes
  }

  close(_code: number, reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const { peer } = this
    if (peer !== undefined) setImmediate(() => peer.#onPeerClosed(reason))
  }

  /** There is no system below to spare the work. */
  cork(): void {}

  uncork(): void {}

  readonly #deliver = (): void => {
    const messages = this.#inbox
    this.#inbox = []
    for (const message of messages) if (!this.#isClosed) this.events?.onMessage(message)
  }

  #onPeerClosed(reason: string): void {
    if (this.#isClosed) return
    this.#deliver()
    this.#isClosed = true
    this.events?.onClose(reason)
  }
}

/** A link between two ends of one process; each side gives its events before it sends. */
const memoryLink = (): [MemoryEnd, MemoryEnd] => {
  const a = new MemoryEnd()
  const b = new MemoryEnd()
  a.peer = b
  b.peer = a
  return [a, b]
}

export type { MemoryEnd }

/** How a client finds the door of a broker in its own process, without importing brokers. */
export const ACCEPT = Symbol.for('finbus.broker.accept')

/** A broker of this process: takes the far end of a memory link. */
export interface MemoryHost {
  readonly url: string
  [ACCEPT](end: MemoryEnd): void
}

/** A broker of this process as a dialer sees it. */
export const memoryHost = (host: MemoryHost): LinkHost => ({
  url: host.url,
  dial: (events, onOpen) => {
    let isAborted = false
    setImmediate(() => {
      if (isAborted) return
      const [mine, theirs] = memoryLink()
      mine.events = events
      host[ACCEPT](theirs)
      onOpen(mine)
    })
    return {
      abort: () => {
        isAborted = true
      },
    }
  },
})
