/** Server-sent events, read from text as it comes in pieces: `EventSource` cannot send a token. */

export interface StreamEvent {
  id: string
  event: string
  data: string
}

/** A single event larger than this is no event of ours; it is dropped up to its end. */
const MAX_TEXT = 1_048_576

export class EventStream {
  #rest = ''
  #id = ''
  #event = ''
  #data: string[] = []
  #length = 0

  /** The events that this piece completes. */
  read(piece: string): StreamEvent[] {
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > MAX_TEXT) this.#rest = ''
    return lines.flatMap((line) => this.#line(line))
  }

  #line(line: string): StreamEvent[] {
    if (line === '') {
      const told = { id: this.#id, event: this.#event, data: this.#data.join('\n') }
      const isTold = this.#data.length > 0 && this.#length <= MAX_TEXT
      this.#event = ''
      this.#data = []
      this.#length = 0
      return isTold ? [told] : []
    }
    const colon = line.indexOf(':')
    if (colon === 0) return []
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'id') this.#id = value
    if (name === 'event') this.#event = value
    if (name === 'data') {
      this.#length += value.length
      if (this.#length <= MAX_TEXT) this.#data.push(value)
    }
    return []
  }
}
