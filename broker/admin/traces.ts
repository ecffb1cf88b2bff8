import { messageOf } from '../../bus/codec.ts'
import type { TraceEvent } from '../../bus/trace.ts'
import type { Steering } from '../steering.ts'
import type { Trace } from './api.ts'
import type { Credentials } from './auth.ts'
import type { Clients } from './clients.ts'
import { PEER_MS } from './cluster.ts'
import type { Orders } from './orders.ts'
import { type PeerHttp, refusalOf } from './peer-http.ts'
import type { Peers } from './peers.ts'
import { TRACE } from './schemas.ts'
import { SilentNodes } from './silent.ts'
import { plainText } from './text.ts'
import { inOrder } from './trace-order.ts'

/** Of one call; a call has few, so more make no sense. */
const MAX_EVENTS = 2_000
/** Responders that are asked; a call has at most a few attempts. */
const MAX_RESPONDERS = 16

type Event = Trace['events'][number]

/** Puts together what all who had a hand in a call remember of it. */
export class Traces {
  readonly #steering: Steering
  readonly #clients: Clients
  readonly #orders: Orders
  readonly #peers: Peers
  readonly #http: PeerHttp

  constructor(steering: Steering, clients: Clients, orders: Orders, peers: Peers, http: PeerHttp) {
    this.#steering = steering
    this.#clients = clients
    this.#orders = orders
    this.#peers = peers
    this.#http = http
  }

  /** What this broker alone remembers. */
  own(correlationId: string): Trace {
    const { id } = this.#steering
    const events = this.#steering
      .trace(correlationId)
      .map((event) => eventOf(event, id, Date.now()))
    return traceOf(correlationId, events, new SilentNodes())
  }

  /** First the brokers and the requester, then the responders that those name. */
  async gather(correlationId: string, credentials: Credentials): Promise<Trace> {
    const silent = new SilentNodes()
    const requester = requesterOf(correlationId)
    const [peers, asked] = await Promise.all([
      Promise.all(
        this.#peers.list().map((peer) => this.#peer(peer, correlationId, credentials, silent)),
      ),
      requester === undefined ? [] : this.#client(requester, correlationId, silent),
    ])
    const events = [...this.own(correlationId).events, ...peers.flat(), ...asked]
    const responders = new Set(events.flatMap(({ instance }) => instance ?? []))
    responders.delete(requester ?? '')
    const answers = await Promise.all(
      [...responders]
        .slice(0, MAX_RESPONDERS)
        .map((instance) => this.#client(instance, correlationId, silent)),
    )
    return traceOf(correlationId, [...events, ...answers.flat()], silent)
  }

  async #peer(
    { url, id }: { url: string; id: string | undefined },
    correlationId: string,
    credentials: Credentials,
    silent: SilentNodes,
  ): Promise<Event[]> {
    try {
      const path = `/v1/trace/${encodeURIComponent(correlationId)}?scope=broker`
      const question = { method: 'GET', path, withinMs: PEER_MS, credentials }
      const answer = await this.#http.ask(url, question)
      const why = refusalOf(answer)
      if (why !== undefined) throw new Error(why)
      const told = TRACE.safeParse(answer.body).data
      if (told === undefined) throw new Error('its answer makes no sense')
      // By this broker's clock.
      const ahead = told.asOf - Date.now()
      return told.events.slice(0, MAX_EVENTS).map((event) => ({ ...event, at: event.at - ahead }))
    } catch (error) {
      silent.add(id ?? url, messageOf(error))
      return []
    }
  }

  async #client(instance: string, correlationId: string, silent: SilentNodes): Promise<Event[]> {
    const session = this.#steering.session(instance)
    const name = session?.name ?? this.#clients.identity(instance)?.name ?? instance
    if (session === undefined) {
      silent.add(name, 'it is not linked to this broker')
      return []
    }
    try {
      const askedAt = Date.now()
      const events = await this.#orders.trace(instance, correlationId)
      // It counted back from some instant in between.
      const answeredAt = Math.round((askedAt + Date.now()) / 2)
      return events.map((event) => eventOf(event, plainText(name, 128), answeredAt))
    } catch (error) {
      silent.add(name, messageOf(error))
      return []
    }
  }
}

const eventOf = ({ agoMs, ...event }: TraceEvent, nodeName: string, now: number): Event => ({
  ...event,
  at: now - agoMs,
  nodeName,
})

const traceOf = (correlationId: string, events: Event[], silent: SilentNodes): Trace => {
  const sorted = inOrder(events)
  return {
    correlationId,
    isKnown: sorted.length > 0,
    asOf: Date.now(),
    events: sorted.slice(0, MAX_EVENTS),
    silent: silent.list(),
  }
}

/** A correlation id is the requester's instance and its counter. */
const requesterOf = (correlationId: string): string | undefined =>
  /^(.{1,64})-L?\d{1,16}$/.exec(correlationId)?.[1]
