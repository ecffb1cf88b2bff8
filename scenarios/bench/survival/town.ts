/** The processes of one case, and the ways to hurt them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BrokerOptions } from '../../../broker/index.ts'
import type { ReplyOptions } from '../../../rr-client/index.ts'
import type { Child, Crew, PartName } from '../processes.ts'
import { type Call, clock, type Ledger } from './calls.ts'
import { Cutter } from './cutter.ts'
import type { Plan } from './pace.ts'
import type { Manner, Target } from './parts.ts'

const READY_MS = 10_000

/** One process that can be hurt. Each returns when it did so. */
class Inhabitant<P extends PartName> {
  readonly child: Child<P>
  readonly name: string

  constructor(child: Child<P>, name: string) {
    this.child = child
    this.name = name
  }

  kill(): number {
    return this.#signal('SIGKILL')
  }

  /** Alive, sockets open, and nothing moves. */
  freeze(): number {
    return this.#signal('SIGSTOP')
  }

  thaw(): number {
    return this.#signal('SIGCONT')
  }

  /** Asked to stop; resolves when it has. */
  async stop(): Promise<number> {
    const at = this.#signal('SIGTERM')
    await this.child.gone
    return at
  }

  #signal(name: NodeJS.Signals): number {
    const at = clock()
    process.kill(this.child.pid, name)
    return at
  }
}

export class BrokerProcess extends Inhabitant<'survivalBroker'> {
  url = ''

  /** Queues that take requests, by the broker's own word. */
  async writable(): Promise<number> {
    const { topics } = await this.child.ask('snapshot')
    return topics.flatMap(({ queues }) => queues).filter(({ state }) => state === 'writable').length
  }
}

export class RegistryProcess extends Inhabitant<'survivalRegistry'> {
  url = ''
}

export class RefuserProcess extends Inhabitant<'survivalRefuser'> {}

export class ResponderProcess extends Inhabitant<'survivalResponder'> {
  behave(manner: Manner): Promise<void> {
    return this.child.ask('behave', manner)
  }
}

export class RequesterProcess extends Inhabitant<'survivalRequester'> {
  begin(plan: Partial<Plan> & { rate: number }): Promise<void> {
    return this.child.ask('begin', { timeoutMs: 3_000, ...plan })
  }

  end(): Promise<Call[]> {
    return this.child.ask('end')
  }

  /** Queues that it knows to take requests. */
  async writable(): Promise<number> {
    const { topics } = await this.child.ask('snapshot')
    return topics.reduce((sum, topic) => sum + topic.writable, 0)
  }
}

export interface Home {
  idc?: string
  /** Default: every broker there is. */
  target?: Target
}

export interface ResponderFacts extends Home {
  manner?: Manner
  options?: ReplyOptions
  name?: string
}

export class Town {
  readonly #crew: Crew
  readonly #books = mkdtempSync(join(tmpdir(), 'finbus-survival-'))
  readonly brokers: BrokerProcess[] = []
  readonly #children: Child<PartName>[] = []
  readonly #cutters: Cutter[] = []
  #count = 0

  constructor(crew: Crew) {
    this.#crew = crew
  }

  async broker(options: BrokerOptions = {}): Promise<BrokerProcess> {
    const broker = new BrokerProcess(this.#fork('survivalBroker'), this.#name('broker'))
    this.brokers.push(broker)
    const { url } = await broker.child.ask('listen', { id: broker.name, ...options })
    broker.url = url
    return broker
  }

  async registry(): Promise<RegistryProcess> {
    const registry = new RegistryProcess(this.#fork('survivalRegistry'), this.#name('registry'))
    const { url } = await registry.child.ask('listen')
    registry.url = url
    return registry
  }

  /** A way to a broker that can be cut. */
  async cutter({ url }: BrokerProcess): Promise<Cutter> {
    const cutter = await Cutter.open(url)
    this.#cutters.push(cutter)
    return cutter
  }

  /** One that owns a queue and refuses whatever comes. */
  async refuser({ url }: BrokerProcess): Promise<RefuserProcess> {
    const refuser = new RefuserProcess(this.#fork('survivalRefuser'), this.#name('refuser'))
    await refuser.child.ask('own', { url })
    return refuser
  }

  /** One that answers already. */
  async responder(facts: ResponderFacts = {}): Promise<ResponderProcess> {
    const responder = await this.recruit(facts)
    await this.enlist(responder, facts.options)
    return responder
  }

  /** One that is linked, and does not answer yet. */
  async recruit({ manner, ...facts }: ResponderFacts = {}): Promise<ResponderProcess> {
    const name = facts.name ?? this.#name('responder')
    const responder = new ResponderProcess(this.#fork('survivalResponder'), name)
    await responder.child.ask('connect', this.#who(facts, name))
    if (manner !== undefined) await responder.behave(manner)
    return responder
  }

  async enlist({ child, name }: ResponderProcess, options: ReplyOptions = {}): Promise<void> {
    this.#count += 1
    const book = join(this.#books, `${name}-${this.#count}`)
    await child.ask('answer', { book, options })
  }

  /** One whose topic is answered already, unless nobody is there to. */
  async requester(home: Home = {}, isAlone = false): Promise<RequesterProcess> {
    const name = this.#name('requester')
    const requester = new RequesterProcess(this.#fork('survivalRequester'), name)
    await requester.child.ask('connect', this.#who(home, name))
    if (!isAlone) await requester.child.ask('ready', { withinMs: READY_MS })
    return requester
  }

  /** What was begun, by the books of all, the dead included. */
  get ledger(): Ledger {
    const ledger = new Map<string, number>()
    for (const book of readdirSync(this.#books)) {
      for (const id of readFileSync(join(this.#books, book), 'utf8').split('\n')) {
        if (id !== '') ledger.set(id, (ledger.get(id) ?? 0) + 1)
      }
    }
    return ledger
  }

  /** Waits until a fact holds. Returns when it was seen to. */
  async until(what: string, isSo: () => Promise<boolean>, withinMs = READY_MS): Promise<number> {
    const since = clock()
    while (!(await isSo())) {
      if (clock() - since > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`)
      await sleep(5)
    }
    return clock()
  }

  /** Ends every process, however it stands, and leaves no file. */
  async end(): Promise<void> {
    for (const child of this.#children) child.kill()
    await Promise.all(this.#children.map(({ gone }) => gone))
    await Promise.all(this.#cutters.map((cutter) => cutter.close()))
    await this.#crew.stop()
    rmSync(this.#books, { recursive: true })
  }

  #who({ idc = 'sz', target }: Home, name: string) {
    return { target: target ?? this.brokers.map(({ url }) => url), name, idc }
  }

  #fork<P extends PartName>(part: P): Child<P> {
    const child = this.#crew.fork(part)
    this.#children.push(child)
    return child
  }

  #name(what: string): string {
    this.#count += 1
    return `${what}-${this.#count}`
  }
}
