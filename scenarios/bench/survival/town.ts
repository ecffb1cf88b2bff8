/** The processes of one case, and the ways to hurt them. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BrokerOptions } from '../../../broker/index.ts'
import type { ReplyOptions } from '../../../rr-client/index.ts'
import { Books } from '../../live/books.ts'
import { FaultProxy } from '../../live/fault-proxy.ts'
import type { Target } from '../../live/manners.ts'
import type { Plan } from '../../live/pace.ts'
import { forkPart, type PartOf } from '../../live/parts.ts'
import type { Crew } from '../../live/processes.ts'
import type { Manner } from '../../live/responder-part.ts'
import { type Child, forkPart as forkBenchPart } from '../processes.ts'
import { type Call, clock, type Ledger } from './calls.ts'

const READY_MS = 10_000

interface Hurtable {
  readonly gone: Promise<string>
  signal(name: NodeJS.Signals): number
}

/** One process that can be hurt. Each returns when it did so. */
class Inhabitant<C extends Hurtable> {
  readonly child: C
  readonly name: string

  constructor(child: C, name: string) {
    this.child = child
    this.name = name
  }

  kill(): number {
    return this.child.signal('SIGKILL')
  }

  /** Alive, sockets open, and nothing moves. */
  freeze(): number {
    return this.child.signal('SIGSTOP')
  }

  thaw(): number {
    return this.child.signal('SIGCONT')
  }

  /** Asked to stop; resolves when it has. */
  async stop(): Promise<number> {
    const at = this.child.signal('SIGTERM')
    await this.child.gone
    return at
  }
}

export class BrokerProcess extends Inhabitant<PartOf<'broker'>> {
  url = ''

  /** Queues that take requests, by the broker's own word. */
  async writable(): Promise<number> {
    const { topics } = await this.child.ask('snapshot')
    return topics.flatMap(({ queues }) => queues).filter(({ state }) => state === 'writable').length
  }
}

export class RegistryProcess extends Inhabitant<PartOf<'registry'>> {
  url = ''
}

export class RefuserProcess extends Inhabitant<Child<'refuser'>> {}

export class ResponderProcess extends Inhabitant<PartOf<'responder'>> {
  behave(manner: Manner): Promise<void> {
    return this.child.ask('behave', manner)
  }
}

export class RequesterProcess extends Inhabitant<PartOf<'requester'>> {
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
  readonly #books = new Books()
  readonly brokers: BrokerProcess[] = []
  readonly #proxies: FaultProxy[] = []
  #count = 0

  constructor(crew: Crew) {
    this.#crew = crew
    crew.guard.remove(this.#books.directory)
  }

  async broker(options: BrokerOptions = {}): Promise<BrokerProcess> {
    const broker = new BrokerProcess(forkPart(this.#crew, 'broker'), this.#name('broker'))
    this.brokers.push(broker)
    const { url } = await broker.child.ask('listen', { id: broker.name, ...options })
    broker.url = url
    return broker
  }

  async registry(): Promise<RegistryProcess> {
    const registry = new RegistryProcess(forkPart(this.#crew, 'registry'), this.#name('registry'))
    const { url } = await registry.child.ask('listen', {})
    registry.url = url
    return registry
  }

  /** A way to a broker that can be hurt. */
  async proxy({ url }: BrokerProcess): Promise<FaultProxy> {
    const proxy = await FaultProxy.before(url)
    this.#proxies.push(proxy)
    return proxy
  }

  /** One that owns a queue and refuses whatever comes. */
  async refuser({ url }: BrokerProcess): Promise<RefuserProcess> {
    const refuser = new RefuserProcess(forkBenchPart(this.#crew, 'refuser'), this.#name('refuser'))
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
    const responder = new ResponderProcess(forkPart(this.#crew, 'responder'), name)
    await responder.child.ask('connect', this.#who(facts, name))
    if (manner !== undefined) await responder.behave(manner)
    return responder
  }

  async enlist({ child, name }: ResponderProcess, options: ReplyOptions = {}): Promise<void> {
    await child.ask('answer', { book: this.#books.open(name), options })
  }

  /** One whose topic is answered already, unless nobody is there to. */
  async requester(home: Home = {}, isAlone = false): Promise<RequesterProcess> {
    const name = this.#name('requester')
    const requester = new RequesterProcess(forkPart(this.#crew, 'requester'), name)
    await requester.child.ask('connect', this.#who(home, name))
    if (!isAlone) await requester.child.ask('ready', { withinMs: READY_MS })
    return requester
  }

  /** What was begun, by the books of all, the dead included. */
  get ledger(): Ledger {
    return this.#books.read()
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
    await this.#crew.end()
    await Promise.all(this.#proxies.map((proxy) => proxy.close()))
    this.#books.remove()
  }

  #who({ idc = 'sz', target }: Home, name: string) {
    return { target: target ?? this.brokers.map(({ url }) => url), name, idc }
  }

  #name(what: string): string {
    this.#count += 1
    return `${what}-${this.#count}`
  }
}
