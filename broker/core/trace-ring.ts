/** One thing that happened to a call, in numbers: handles of this broker's life, places in lists of names. */
export interface TraceRow {
  /** Counts the events of this life; the same event may stand in two rings. */
  readonly number: number
  readonly at: number
  /** Place in `TRACE_WHATS`. */
  readonly what: number
  readonly attempt: number
  /** Handles; 0 for none. */
  readonly topic: number
  readonly queue: number
  readonly peer: number
  /** A reason of refusals, or a kind of replies; 0 for none. */
  readonly why: number
}

const LONG = 1

/** The last so many events, in columns: to write one allocates nothing, to find some looks at all. */
export class TraceRing {
  readonly #size: number
  readonly #numbers: Float64Array
  readonly #instants: Float64Array
  readonly #counters: Float64Array
  readonly #origins: Uint32Array
  readonly #topics: Uint32Array
  readonly #queues: Uint32Array
  readonly #peers: Uint32Array
  readonly #attempts: Uint16Array
  readonly #whats: Uint8Array
  readonly #whys: Uint8Array
  readonly #series: Uint8Array
  #next = 0
  #written = 0

  constructor(size: number) {
    this.#size = size
    this.#numbers = new Float64Array(size)
    this.#instants = new Float64Array(size)
    this.#counters = new Float64Array(size)
    this.#origins = new Uint32Array(size)
    this.#topics = new Uint32Array(size)
    this.#queues = new Uint32Array(size)
    this.#peers = new Uint32Array(size)
    this.#attempts = new Uint16Array(size)
    this.#whats = new Uint8Array(size)
    this.#whys = new Uint8Array(size)
    this.#series = new Uint8Array(size)
  }

  /** Events that later ones have taken the place of. */
  get dropped(): number {
    return Math.max(0, this.#written - this.#size)
  }

  put(
    number: number,
    at: number,
    what: number,
    origin: number,
    counter: number,
    isLong: boolean,
    attempt: number,
    topic: number,
    queue: number,
    peer: number,
    why: number,
  ): void {
    const i = this.#next
    this.#next = i + 1 === this.#size ? 0 : i + 1
    this.#written += 1
    this.#numbers[i] = number
    this.#instants[i] = at
    this.#counters[i] = counter
    this.#origins[i] = origin
    this.#topics[i] = topic
    this.#queues[i] = queue
    this.#peers[i] = peer
    this.#attempts[i] = attempt
    this.#whats[i] = what
    this.#whys[i] = why
    this.#series[i] = isLong ? LONG : 0
  }

  /** Events of one call of those origins, in no order. */
  find(origins: ReadonlySet<number>, counter: number, isLong: boolean): TraceRow[] {
    const found: TraceRow[] = []
    const end = Math.min(this.#written, this.#size)
    const series = isLong ? LONG : 0
    for (let i = 0; i < end; i++) {
      if (this.#counters[i] !== counter || this.#series[i] !== series) continue
      if (origins.has(this.#origins[i]!)) found.push(this.#row(i))
    }
    return found
  }

  #row(i: number): TraceRow {
    return {
      number: this.#numbers[i]!,
      at: this.#instants[i]!,
      what: this.#whats[i]!,
      attempt: this.#attempts[i]!,
      topic: this.#topics[i]!,
      queue: this.#queues[i]!,
      peer: this.#peers[i]!,
      why: this.#whys[i]!,
    }
  }
}
