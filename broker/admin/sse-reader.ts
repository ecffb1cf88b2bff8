/** One server-sent event, as far as this house uses them. */
export interface SentEvent {
  readonly event: string
  readonly id: string
  readonly data: string
}

/** Longest event. */
const MAX_EVENT = 65_536

/** Reads server-sent events out of pieces of text. */
export class SseReader {
  readonly #onEvent: (event: SentEvent) => void
  #text = ''

  constructor(onEvent: (event: SentEvent) => void) {
    this.#onEvent = onEvent
  }

  /** False if an event is longer than it may be: nothing more of it makes sense. */
  read(piece: string): boolean {
    this.#text += piece.replaceAll('\r', '')
    let end = this.#text.indexOf('\n\n')
    while (end >= 0) {
      this.#tell(this.#text.slice(0, end))
      this.#text = this.#text.slice(end + 2)
      end = this.#text.indexOf('\n\n')
    }
    return this.#text.length <= MAX_EVENT
  }

  #tell(block: string): void {
    const fields: Record<string, string> = {}
    for (const line of block.split('\n')) {
      const match = /^(event|id|data): ?(.*)$/.exec(line)
      if (match !== null) fields[match[1]!] = match[2]!
    }
    const { event = 'message', id = '', data } = fields
    if (data !== undefined) this.#onEvent({ event, id, data })
  }
}
