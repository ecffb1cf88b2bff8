import { BeatingEnd } from '../../bus/heartbeat.ts'
import type { Observe } from '../../bus/observe-frames.ts'
import { Outbox, type Wire } from '../../bus/outbox.ts'
import { Pulse } from '../../bus/pulse.ts'
import type { Slabs } from '../../bus/slabs.ts'

/** Dials in a row that are made in haste while there is work in hand. */
export const HASTY_DIALS = 3

/** What a broker wants to see, and on which of its links it said so. */
export interface Asked extends Observe {
  readonly generation: number
}

/**
 * The client's side of its connection to one broker, over all the links that it has had. What is
 * said of "the link" here is of the present one; a new one starts from nothing.
 */
export class BrokerLink extends BeatingEnd {
  readonly index: number
  /** Where it is dialled next: a broker may have several addresses, and may move. */
  url: string
  /** connecting: a dial is under way; greeting: hello sent; waiting: until the next dial. */
  state: 'idle' | 'connecting' | 'greeting' | 'up' | 'waiting' | 'closed' = 'idle'
  pulse: Pulse = new Pulse(0)
  outbox: Outbox = NO_OUTBOX
  /** Counts the links: what was noted of an older one must not be taken for the present. */
  generation = 0
  /** The last of them that was up. */
  upGeneration = 0
  broker = ''
  /** Its data centre, as its welcome or a registry says; empty while nobody has. */
  idc = ''
  /** It stands in this client's data centre (or none does): it gets the traffic. */
  isHome = true
  /** The broker life that handles, epochs and queues belong to; 0 before the first welcome. */
  life = 0
  /** This instance's handle in that life. */
  handle = 0
  maxBodyBytes = 1_048_576
  /** Until then a topic without responder may only be waiting for its responders to return. */
  settlesAt = 0
  /** Dials that failed in a row. */
  failures = 0
  /** Its broker is there and takes nobody: it said so to the last hello. */
  isRefused = false
  redialAt = Number.POSITIVE_INFINITY
  lastUsedAt = 0
  idlePingAt = Number.POSITIVE_INFINITY
  /** Another url leads to the same broker, and has its link: this one is not dialled. */
  twin: BrokerLink | undefined
  /** Pinned sends since the broker last acknowledged one, and the batch of the newest. */
  recoveries = 0
  recoveryBatch = 0
  /** Its broker looks at this client, and wants reports so often and so large. */
  asks: Asked | undefined

  constructor(index: number, url: string) {
    super()
    this.index = index
    this.url = url
  }

  get isUp(): boolean {
    return this.state === 'up'
  }

  /** What its broker wants to see, as it said on the present link. */
  get asksNow(): Asked | undefined {
    return this.isUp && this.asks?.generation === this.generation ? this.asks : undefined
  }

  /** Its broker has never spoken, and may in a moment; one that could not be reached is not waited for. */
  get isFirstOpening(): boolean {
    const isOpening = this.state === 'connecting' || this.state === 'greeting'
    return isOpening && this.life === 0 && this.failures === 0
  }

  /** Lost a moment ago and being dialled again: what its broker knows is not yet known. */
  get isReturning(): boolean {
    if (this.state === 'connecting' || this.state === 'greeting') return true
    if (this.state !== 'waiting' || this.isRefused) return false
    return this.life !== 0 && this.failures <= HASTY_DIALS
  }

  open(now: number, wire: Wire, slabs: Slabs, onDirty: (outbox: Outbox) => void): void {
    this.generation += 1
    this.pulse = new Pulse(now)
    const outbox: Outbox = new Outbox(wire, this.pulse, slabs, () => onDirty(outbox))
    this.outbox = outbox
    this.restart()
    this.recoveries = 0
    this.recoveryBatch = 0
    this.lastUsedAt = Number.NEGATIVE_INFINITY
  }
}

/** Stands in until there is a link; nothing is ever reserved in it. */
const NO_OUTBOX = {
  get isClogged(): boolean {
    return true
  },
  unsentBytes: 0,
} as unknown as Outbox
