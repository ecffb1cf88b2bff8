import type { Dialled, LinkEvents, LinkHost } from '../bus/io/link.ts'
import { dialWs, type LinkTls } from '../bus/io/link-ws.ts'
import type { Wire } from '../bus/outbox.ts'
import type { BrokerLink } from './core/broker-link.ts'

/** What happens to the links that were asked for. */
export interface DialerEvents {
  onOpen(link: BrokerLink, wire: Wire): void
  onMessage(link: BrokerLink, message: Buffer): void
  /** The link is gone, or never came; `isFinal` when trying again cannot help. */
  onGone(link: BrokerLink, reason: string, isFinal: boolean): void
}

/** A dial that takes longer has failed. */
const DIAL_MS = 3_000

/** Opens and ends links: ws to a url, otherwise as the broker's host has it. */
export class Dialer {
  readonly #hosts: ReadonlyMap<BrokerLink, LinkHost>
  readonly #tls: LinkTls
  readonly #events: DialerEvents
  readonly #wires = new Map<BrokerLink, Wire>()
  readonly #dials = new Map<BrokerLink, Dialled>()

  constructor(
    hosts: ReadonlyMap<BrokerLink, LinkHost>,
    tls: LinkTls | undefined,
    events: DialerEvents,
  ) {
    this.#hosts = hosts
    this.#tls = tls ?? {}
    this.#events = events
  }

  dial(link: BrokerLink): void {
    const host = this.#hosts.get(link)
    let wire: Wire | undefined
    // What an older wire of the link still says is of no interest.
    const events: LinkEvents = {
      onMessage: (message) => {
        if (this.#wires.get(link) === wire) this.#events.onMessage(link, message)
      },
      onClose: (reason) => {
        if (this.#wires.get(link) !== wire) return
        this.#wires.delete(link)
        this.#events.onGone(link, reason, false)
      },
    }
    const opened = (made: Wire): void => {
      wire = made
      this.#dials.delete(link)
      this.#wires.set(link, made)
      this.#events.onOpen(link, made)
    }
    const failed = (reason: string, isFinal: boolean): void => {
      this.#dials.delete(link)
      this.#events.onGone(link, reason, isFinal)
    }
    const dialled =
      host === undefined
        ? dialWs(link.url, this.#tls, DIAL_MS, events, opened, failed)
        : host.dial(events, opened, failed)
    this.#dials.set(link, dialled)
  }

  hangUp(link: BrokerLink, code: number, reason: string): void {
    const wire = this.#wires.get(link)
    this.#wires.delete(link)
    wire?.close(code, reason)
  }

  /** Ends everything, with a reason for the peers. */
  close(): void {
    for (const link of [...this.#wires.keys()]) this.hangUp(link, 1000, 'the client closes')
    for (const dialled of this.#dials.values()) dialled.abort()
    this.#dials.clear()
  }
}
