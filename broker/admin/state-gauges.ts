import type { Registry } from 'prom-client'
import { type Labels, OTHER } from './label-room.ts'
import { metricMakers } from './metric-makers.ts'
import type { KnownClient } from './report-memory.ts'
import { Tally } from './tally.ts'

/** Pairs of topic and client whose circuit has a series of its own; the sick ones go first. */
const MAX_BREAKERS = 5_000
const LINK_STATES: ReadonlySet<string> = new Set(['connecting', 'up', 'waiting', 'closed'])
const BREAKER_STATES = ['closed', 'half-open', 'open'] as const

/** How clients are now, by what they told last. */
export class StateGauges {
  readonly #labels: Labels
  readonly #inflight
  readonly #breaker
  readonly #breakers
  readonly #forced
  readonly #isolated
  readonly #running
  readonly #waiting
  readonly #concurrency
  readonly #links

  constructor(registry: Registry, labels: Labels) {
    this.#labels = labels
    const { gauge } = metricMakers(registry)
    this.#inflight = gauge('inflight_requests', 'Calls open now.', ['topic', 'idc'])
    this.#breaker = gauge(
      'breaker_state',
      'Circuit around the calls of a client to a topic: 0 closed, 1 half-open, 2 open; the worst of those with one name.',
      ['topic', 'client'],
    )
    this.#breakers = gauge('breakers', 'Clients by the state of their circuit.', ['topic', 'state'])
    this.#forced = gauge('breakers_forced', 'Clients whose circuit goes by an operator.', ['topic'])
    this.#isolated = gauge(
      'isolated_queues',
      'Queues that requesters leave alone, each counted for each requester.',
      ['topic'],
    )
    const answering: ('topic' | 'idc')[] = ['topic', 'idc']
    this.#running = gauge('handlers_running', 'Handlers that run now.', answering)
    this.#waiting = gauge('handlers_waiting', 'Requests that wait for a handler.', answering)
    this.#concurrency = gauge('handlers_limit', 'Handlers that may run at once.', answering)
    this.#links = gauge('client_links', 'Links of clients to all brokers, by their state.', [
      'state',
    ])
  }

  read(clients: readonly KnownClient[]): void {
    this.#readTopics(clients)
    this.#readAnswering(clients)
    const links = new Tally<'state'>()
    for (const client of clients) {
      for (const { state } of client.links) {
        links.add({ state: LINK_STATES.has(state) ? state : OTHER }, 1)
      }
    }
    links.fill(this.#links)
  }

  #readTopics(clients: readonly KnownClient[]): void {
    const inflight = new Tally<'topic' | 'idc'>()
    const breaker = new Tally<'topic' | 'client'>()
    const breakers = new Tally<'topic' | 'state'>()
    const forced = new Tally<'topic'>()
    const isolated = new Tally<'topic'>()
    this.#labels.client.keep(new Set(clients.map(({ client }) => client.name)))
    for (const { client, topics } of clients) {
      const idc = this.#labels.idc.of(client.idc)
      const name = this.#labels.client.of(client.name)
      for (const [called, known] of topics) {
        const topic = this.#labels.topic.of(called)
        inflight.add({ topic, idc }, known.open)
        breaker.raise({ topic, client: name }, known.breaker)
        breakers.add({ topic, state: BREAKER_STATES[known.breaker]! }, 1)
        forced.add({ topic }, known.isForced ? 1 : 0)
        isolated.add({ topic }, known.isolated)
      }
    }
    inflight.fill(this.#inflight)
    this.#bounded(breaker).fill(this.#breaker)
    breakers.fill(this.#breakers)
    forced.fill(this.#forced)
    isolated.fill(this.#isolated)
  }

  #readAnswering(clients: readonly KnownClient[]): void {
    const running = new Tally<'topic' | 'idc'>()
    const waiting = new Tally<'topic' | 'idc'>()
    const concurrency = new Tally<'topic' | 'idc'>()
    for (const { client, answering } of clients) {
      const idc = this.#labels.idc.of(client.idc)
      for (const one of answering) {
        const topic = this.#labels.topic.of(one.topic)
        running.add({ topic, idc }, one.running)
        waiting.add({ topic, idc }, one.waiting)
        concurrency.add({ topic, idc }, one.concurrency)
      }
    }
    running.fill(this.#running)
    waiting.fill(this.#waiting)
    concurrency.fill(this.#concurrency)
  }

  #bounded(breaker: Tally<'topic' | 'client'>): Tally<'topic' | 'client'> {
    const pairs = breaker.sorted()
    this.#labels.breakersFolded = Math.max(0, pairs.length - MAX_BREAKERS)
    if (pairs.length <= MAX_BREAKERS) return breaker
    const bounded = new Tally<'topic' | 'client'>()
    for (const [at, { labels, value }] of pairs.entries()) {
      bounded.raise(at < MAX_BREAKERS ? labels : { ...labels, client: OTHER }, value)
    }
    return bounded
  }
}
