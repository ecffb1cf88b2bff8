import { ERROR_TABLE } from '../../../bus/errors.ts'
import { BATCH_HEAD, checkedFrameEnd } from '../../../bus/frame.ts'
import type { VirtualCall } from '../world/calls.ts'
import type { ClientNode } from '../world/client-node.ts'
import type { Direction } from '../world/direction.ts'
import type { Execution } from '../world/ledger.ts'
import type { Cast, ClientPart, Member } from './cast.ts'
import { folded } from './fold.ts'
import { frameWords } from './frame-words.ts'
import { Names, nameOf } from './names.ts'
import { newsWords } from './news-words.ts'
import { KINDS, type Kind } from './script.ts'

const WHO_WIDTH = 38
/** Routes repeat what the queues' news say, and links come and go with every death. */
const FIRST_KINDS: readonly Kind[] = KINDS.filter(
  (kind) => kind !== 'heartbeats' && kind !== 'links',
)

interface Run {
  readonly by: string
  readonly body: string
  readonly execution: Execution
}

/** Writes down what happens, as it happens. */
export class Teller {
  readonly names: Names
  readonly #cast: Cast
  readonly #lines: string[] = []
  readonly #kinds = new Set<Kind>(FIRST_KINDS)
  /** Advisories and aborts of each process that have been told. */
  readonly #read = new Map<Member['node'], { news: number; aborts: number }>()
  readonly #running = new Set<Run>()
  #beganAt = 0
  #isTelling = false

  constructor(cast: Cast) {
    this.#cast = cast
    this.names = new Names(cast)
    cast.world.onBatch = (client, broker, way, bytes) => this.#hear(client, broker, way, bytes)
  }

  /** The story begins now; what was before is not told. */
  begin(): void {
    this.#catchUp()
    this.#beganAt = this.#cast.world.now
    this.#isTelling = true
  }

  tellOf(kinds: readonly Kind[]): void {
    this.#kinds.clear()
    for (const kind of kinds) this.#kinds.add(kind)
  }

  /** What has been written since this was asked last. */
  take(): string[] {
    return folded(this.#lines.splice(0))
  }

  /** Lets time go by, a millisecond at a time, so that what nobody sends is told at its instant. */
  run(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.#cast.world.run(1)
      this.#catchUp()
    }
  }

  say(kind: Kind, who: string, text: string): void {
    if (!this.#isTelling || !this.#kinds.has(kind)) return
    const ms = String(this.#cast.world.now - this.#beganAt).padStart(7)
    this.#lines.push(`${ms}  ${who.padEnd(WHO_WIDTH)}  ${text}`)
  }

  /** A line of a table. */
  put(text: string): void {
    this.#lines.push(`         ${text}`)
  }

  asked(by: ClientPart, call: VirtualCall): void {
    const { future } = call
    const { instance } = by.node
    const who = nameOf(by, by.life)
    if (future !== undefined) this.names.call(instance, future.counter, future.isLong, call.body)
    const settled = (): void => this.#settled(who, call)
    call.onSettled = settled
    if (call.isSettled) settled()
  }

  /** A handler has started, of a call that is told of. */
  started(by: ClientPart, body: string, execution: Execution): void {
    this.#catchUp()
    const who = nameOf(by, by.life)
    this.#running.add({ by: who, body, execution })
    this.say('handlers', who, `starts "${body}"`)
  }

  #settled(who: string, call: VirtualCall): void {
    this.#catchUp()
    const { error, tookMs, body } = call
    if (error === undefined) {
      this.say('calls', who, `"${body}" is answered, after ${tookMs} ms`)
      return
    }
    const { code, outcome, details, message, retryAfterMs } = error
    const parts = [
      `"${body}" fails after ${tookMs} ms: ${code}, ${outcome}`,
      details.mayStartForMs === undefined
        ? ''
        : `, may start for ${Math.round(details.mayStartForMs)} ms more`,
      retryAfterMs === undefined ? '' : `, again after ${Math.round(retryAfterMs)} ms`,
      message === ERROR_TABLE[code].meaning ? '' : ` (${message})`,
    ]
    this.say('calls', who, parts.join(''))
  }

  #hear(client: ClientNode, broker: string, way: Direction, bytes: Buffer): void {
    this.#catchUp()
    const ends = [this.names.instance(client.instance), this.names.broker(broker)]
    const [from, to] = way === 'up' ? ends : ends.reverse()
    const reader = way === 'up' ? this.#cast.world.brokers.get(broker)! : client
    for (let at = BATCH_HEAD; at < bytes.length; ) {
      const end = checkedFrameEnd(bytes, at)
      const told = frameWords(this.names, { client, broker, way, bytes, at, end })
      const unread = reader.isFrozen ? '  [unread: frozen]' : ''
      if (told !== undefined) this.say(told.kind, `${from} → ${to}`, `${told.text}${unread}`)
      at = end
    }
  }

  /** What was told inside the processes since the last look. */
  #catchUp(): void {
    for (const member of this.#cast.members) this.#readNews(member)
    for (const run of this.#running) {
      if (run.execution.endedAt < 0) continue
      this.#running.delete(run)
      this.say('handlers', run.by, `ends "${run.body}"`)
    }
  }

  #readNews(member: Member): void {
    const { node } = member
    const read = this.#read.get(node) ?? { news: 0, aborts: 0 }
    const who = nameOf(member, member.life)
    this.names.meet(member)
    for (const advisory of node.advisories.slice(read.news)) {
      const text = newsWords(this.names, advisory)
      const kind = advisory.kind.startsWith('link') ? 'links' : 'news'
      if (text !== undefined) this.say(kind, who, text)
    }
    const aborts = 'aborts' in node ? node.aborts : []
    for (const { call, why } of aborts.slice(read.aborts)) {
      this.say('handlers', who, `tells the handler of ${this.names.callOf(call)} to stop: ${why}`)
    }
    this.#read.set(node, { news: node.advisories.length, aborts: aborts.length })
  }
}
