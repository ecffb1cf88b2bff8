import type { Advisory } from '../../../bus/advisory.ts'
import type { BusError } from '../../../bus/errors.ts'
import { Flag, ReplyKind } from '../../../bus/frame.ts'
import { hashText } from '../../../bus/hash.ts'
import { encodeHeaders, type Headers, OwnHeader } from '../../../bus/headers.ts'
import type { OrderText } from '../../../bus/observe-frames.ts'
import type { Wire } from '../../../bus/outbox.ts'
import { Prng } from '../../../bus/prng.ts'
import { BrokerBook } from '../../../rr-client/core/broker-book.ts'
import { BrokerLink } from '../../../rr-client/core/broker-link.ts'
import { ClientCore } from '../../../rr-client/core/client-core.ts'
import { correlationIdOf } from '../../../rr-client/core/failure.ts'
import type { HandlerReply, Mark } from '../../../rr-client/core/mark.ts'
import type { Registration } from '../../../rr-client/core/registration.ts'
import type { ClientEffects, ClientFacts } from '../../../rr-client/core/state.ts'
import { type CallAsk, VirtualCall } from './calls.ts'
import type { ClockAsk } from './clock.ts'
import { Following } from './following.ts'
import type { Execution, Handler } from './handlers.ts'
import { Lane } from './lane.ts'
import type { EndEvents } from './link.ts'
import { Node } from './node.ts'
import type { DialSurroundings } from './surroundings.ts'
import type { VirtualHttp } from './virtual-http.ts'

export interface ClientAsk {
  /** Names of the brokers it links to, in this order. */
  brokers: readonly string[]
  idc?: string
  label?: string
  silenceMs?: number
  maxInFlight?: number
  token?: string
  firstCounter?: number
  clock?: ClockAsk
  /** Names of the registries it follows; then it is given no brokers. */
  registries?: readonly string[]
}

export interface AnswerAsk {
  topic?: string
  group?: string
  concurrency?: number
  prefetch?: number
  isStandby?: boolean
  minQueues?: number
  maxQueues?: number
}

/** The virtual shell's side of one registration. */
interface Answerer {
  readonly handler: Handler
  readonly lane: Lane
}

export const TOPIC = 'account.balance'
const TIMEOUT_MS = 3_000

/** One life of a client process: the real core, with a trivial shell around it. */
export class ClientNode extends Node {
  declare readonly world: DialSurroundings<ClientNode>
  readonly instance: string
  readonly facts: ClientFacts
  readonly core: ClientCore
  readonly links: BrokerLink[]
  readonly calls: VirtualCall[] = []
  readonly advisories: Advisory[] = []
  readonly refusals: BusError[] = []
  readonly orders: OrderText[] = []
  readonly declared: (BusError | undefined)[] = []
  ended = 0
  readonly aborts: { call: string; why: string }[] = []
  readonly #wires = new Map<BrokerLink, Wire>()
  /** Present if brokers are learned from registries. */
  readonly following: Following | undefined
  readonly #book: BrokerBook | undefined

  constructor(
    world: DialSurroundings<ClientNode>,
    name: string,
    instance: string,
    ask: ClientAsk,
    http: VirtualHttp,
  ) {
    super(world, name, ask.silenceMs ?? 1_000, ask.clock)
    this.instance = instance
    this.facts = {
      instance,
      secret: `secret-of-${instance}`,
      replyTopic: `replies-of-${instance}`,
      name,
      idc: ask.idc ?? 'local',
      label: ask.label ?? '',
      token: ask.token ?? '',
      maxInFlight: ask.maxInFlight ?? 20_000,
      pingMs: 250,
      silenceMs: ask.silenceMs ?? 1_000,
      firstCounter: ask.firstCounter ?? 1,
    }
    this.links = ask.brokers.map((broker, index) => new BrokerLink(index, broker))
    this.core = new ClientCore(
      this.facts,
      this.#effects(),
      this.links,
      new Prng(world.prng.u32()),
      this.slabs,
      (outbox) => this.flushSoon(outbox),
    )
    const { registries = [] } = ask
    if (registries.length === 0) return
    this.#book = new BrokerBook(this.core)
    const advise = (advisory: Advisory): unknown => this.advisories.push(advisory)
    const prng = new Prng(world.nature.u32())
    this.following = new Following(this, http, registries, this.#book, advise, prng)
  }

  start(): void {
    this.step(() => this.core.start())
    this.following?.start()
  }

  /** Asks; what becomes of it is written in the call. */
  call(ask: CallAsk = {}): VirtualCall {
    const timeoutMs = ask.timeoutMs ?? TIMEOUT_MS
    const call = new VirtualCall(ask, this.world.now, timeoutMs)
    this.calls.push(call)
    let flags = ask.idempotent === true ? Flag.idempotent : 0
    if (ask.nested === true) flags |= Flag.nested
    if (ask.loop === true) flags |= Flag.loop
    const facts = {
      topic: ask.topic ?? TOPIC,
      body: Buffer.from(call.body),
      headers: encodeHeaders(ask.headers ?? {}, labelOf(ask)),
      flags,
      timeoutMs,
      key: ask.key,
      waitForResponder: ask.waitForResponder === true,
    }
    this.step((now) => {
      call.future = this.core.request(now, facts, call)
    })
    return call
  }

  callMany(count: number, ask: CallAsk = {}): VirtualCall[] {
    return Array.from({ length: count }, (_, i) =>
      this.call({ ...ask, body: `${ask.body ?? ''}${i}` }),
    )
  }

  cancel(call: VirtualCall): void {
    this.step((now) => this.core.requester.cancel(now, call.future!))
  }

  /** The name of a call in the ledger. */
  idOf(call: VirtualCall): string {
    return correlationIdOf(this.instance, call.future!)
  }

  answer(handler: Handler, ask: AnswerAsk = {}): Registration {
    const { topic = TOPIC, group = 'accounts', concurrency = 64, prefetch = 64 } = ask
    const answerer: Answerer = { handler, lane: new Lane(concurrency) }
    let registration: Registration | undefined
    this.step((now) => {
      const { registrations } = this.core
      const { isStandby = false, minQueues = 0, maxQueues = 0 } = ask
      const bounds = { isStandby, minQueues, maxQueues }
      const offer = { topic, group, concurrency, prefetch, ...bounds, answerer }
      registration = registrations.open(now, offer)
    })
    return registration!
  }

  /** Stops answering, as `close()` of the real handle does. */
  unanswer(registration: Registration): void {
    this.step((now) => {
      this.core.registrations.close(now, registration)
      this.core.responder.handBack(now, registration)
    })
  }

  laneOf(registration: Registration): Lane {
    return (registration.answerer as Answerer).lane
  }

  /** Says goodbye everywhere and ends. */
  leave(): void {
    this.step((now) => this.core.shut(now))
    this.flushNow()
    for (const wire of this.#wires.values()) wire.close(1000, 'the client closes')
    this.#wires.clear()
    this.die()
  }

  /** The client's end of a link that was dialled. */
  eventsOf(link: BrokerLink, wire: () => Wire | undefined): EndEvents {
    // What an older wire of the link still says is of no interest.
    return {
      onBatch: (bytes) => {
        this.step((now) => {
          if (this.#wires.get(link) === wire()) this.core.onBatch(now, link, bytes)
        })
      },
      onClosed: (reason) => {
        this.step((now) => {
          if (this.#wires.get(link) !== wire()) return
          this.#wires.delete(link)
          this.#gone(now, link, reason)
        })
      },
    }
  }

  opened(link: BrokerLink, wire: Wire): void {
    this.step((now) => {
      this.#wires.set(link, wire)
      this.core.onOpen(now, link, wire)
    })
  }

  dialFailed(link: BrokerLink, reason: string): void {
    this.step((now) => this.#gone(now, link, reason))
  }

  advised<K extends Advisory['kind']>(kind: K): Extract<Advisory, { kind: K }>[] {
    return this.advisories.filter((a): a is Extract<Advisory, { kind: K }> => a.kind === kind)
  }

  #gone(now: number, link: BrokerLink, reason: string): void {
    this.core.onClosed(now, link, reason)
    this.#book?.onGone(link)
  }

  #effects(): ClientEffects {
    return {
      dial: (link) => this.world.dial(this, link),
      hangUp: (link, code, reason) => {
        const wire = this.#wires.get(link)
        this.#wires.delete(link)
        wire?.close(code, reason)
      },
      fulfil: (future, reply) => {
        const call = future.caller as VirtualCall
        const body = reply.bytes.toString('utf8', reply.bodyStart, reply.end)
        const at = this.world.now
        this.world.trace.note(at, body.length)
        call.settle({ at, kind: 'reply', replyKind: reply.kind, body })
      },
      fail: (future, error) => {
        const call = future.caller as VirtualCall
        const at = this.world.now
        this.world.trace.note(at, hashText(error.code))
        call.settle({ at, kind: 'error', error })
      },
      invoke: (mark) => this.afterwards(() => this.#take(mark)),
      abort: (mark, why) => {
        this.aborts.push({ call: correlationIdOf(mark.peer.instance, mark), why })
        ;(mark.runner as { why?: string } | undefined)!.why = why
      },
      declared: (_registration, error) => this.declared.push(error),
      ended: () => {
        this.ended += 1
      },
      linkUp: () => {},
      linkRefused: (_link, error) => this.refusals.push(error),
      inspected: () => {},
      observed: () => {},
      ordered: (_link, order) => this.orders.push(order),
      advise: (advisory) => this.advisories.push(advisory),
    }
  }

  #take(mark: Mark): void {
    const { lane, handler } = mark.registration.answerer as Answerer
    lane.offer((done) => {
      let hasBegun = false
      this.step((now) => {
        hasBegun = this.core.responder.begin(now, mark)
      })
      if (hasBegun) this.#run(mark, handler, done)
      else done()
    })
  }

  #run(mark: Mark, handler: Handler, done: () => void): void {
    const { world } = this
    const id = correlationIdOf(mark.peer.instance, mark)
    const entry = world.ledger.start(id, this.instance, world.now)
    const runner: { why?: string } = {}
    mark.runner = runner
    this.step((now) => this.core.responder.watch(now, mark))
    const end = (afterMs: number, kind: number, body: string): void =>
      this.later(afterMs, (now) => {
        entry.endedAt = world.now
        const reply: HandlerReply = { kind, flags: 0, body: Buffer.from(body) }
        mark.reply = reply
        this.core.responder.finish(now, mark)
        this.afterwards(done)
      })
    const execution: Execution = {
      body: mark.body.toString(),
      topic: mark.registration.topic,
      attempt: mark.attempt,
      remainingMs: () => Math.max(0, mark.deadline - this.now),
      aborted: () => runner.why,
      reply: (afterMs, body) => end(afterMs, ReplyKind.ok, body),
      fail: (afterMs) => end(afterMs, ReplyKind.handler_failed, '{"message":"the handler threw"}'),
      call: (ask, onSettled) => {
        const call = this.call({ nested: true, ...ask })
        call.onSettled = onSettled
        if (call.isSettled) onSettled(call)
        return call
      },
    }
    handler(execution)
  }
}

const labelOf = ({ label }: CallAsk): Headers =>
  label === undefined ? {} : { [OwnHeader.label]: label }
