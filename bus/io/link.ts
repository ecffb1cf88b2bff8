import type { Wire } from '../outbox.ts'

/** What happens at one end of a link. */
export interface LinkEvents {
  onMessage(message: Buffer): void
  onClose(reason: string): void
}

export interface Dialled {
  /** Ends the attempt, or the link. */
  abort(): void
}

/** A broker that is reached without a socket: exactly one of `onOpen` or `onFail` is called. */
export interface LinkHost {
  readonly url: string
  dial(
    events: LinkEvents,
    onOpen: (wire: Wire) => void,
    onFail: (reason: string, isFinal: boolean) => void,
  ): Dialled
}
