import type { Counter, Registry } from 'prom-client'
import type { Advisory } from '../../bus/advisory.ts'
import type { BrokerView, QueueEnds, QueueView } from '../core/view.ts'
import { CounterRise } from './counter-rise.ts'
import { type Labels, OTHER } from './label-room.ts'
import { metricMakers } from './metric-makers.ts'
import { Tally } from './tally.ts'

const DRAIN_STATES = { open: 0, draining: 1, drained: 2 } as const

/** Names of the ends of requests in a queue. */
const RESULTS: Readonly<Record<keyof QueueEnds, string>> = {
  ok: 'ok',
  serviceErrors: 'service_error',
  handlerFailed: 'handler_failed',
  replyLost: 'reply_lost',
  refused: 'refused',
  expired: 'expired',
  handedBack: 'handed_back',
  lost: 'lost',
}

/** What the broker itself knows, read when somebody asks. */
export class ViewMetrics {
  readonly #labels: Labels
  readonly #uptime
  readonly #drain
  readonly #sessions
  readonly #links
  readonly #deliveries
  readonly #waitingBytes
  readonly #rules
  readonly #queues
  readonly #standbys
  readonly #watchers
  readonly #depth
  readonly #depthBytes
  readonly #wait
  readonly #credit
  readonly #limit
  readonly #limitBytes
  readonly #results
  readonly #ownerChanges
  readonly #advisories
  readonly #events
  readonly #expired
  readonly #protocolErrors
  readonly #rise = new CounterRise()
  /** The counters of each queue as they were when last read: what it adds to its topic outlives it. */
  #ends = new Map<number, QueueEnds>()

  constructor(
    registry: Registry,
    labels: Labels,
    expired: Counter<'stage'>,
    protocolErrors: Counter<'side'>,
  ) {
    this.#labels = labels
    this.#expired = expired
    this.#protocolErrors = protocolErrors
    const { gauge, counter } = metricMakers(registry)
    this.#uptime = gauge('broker_uptime_seconds', 'Age of this life of the broker.')
    this.#drain = gauge(
      'broker_drain_state',
      'Whether the broker takes work: 0 open, 1 draining, 2 drained.',
    )
    this.#sessions = gauge('sessions', 'Clients that the broker remembers, linked or not.')
    this.#links = gauge('links', 'Links from clients.')
    this.#deliveries = gauge('deliveries', 'Requests forwarded to responders and not answered yet.')
    this.#waitingBytes = gauge('waiting_bytes', 'Size of the requests that wait in all queues.')
    this.#rules = gauge('dark_launch_rules', 'Dark-launch rules in force.')
    this.#queues = gauge('queues', 'Queues by their state.', ['topic', 'state'])
    this.#standbys = gauge('standbys', 'Instances that answer the topic and own no queue here.', [
      'topic',
    ])
    this.#watchers = gauge('watchers', 'Requesters that are told the routes of the topic.', [
      'topic',
    ])
    const queue: ('topic' | 'queue' | 'owner')[] = ['topic', 'queue', 'owner']
    this.#depth = gauge('queue_depth', 'Requests that wait or are not answered yet.', queue)
    this.#depthBytes = gauge(
      'queue_depth_bytes',
      'Size of the requests that wait or are not answered yet.',
      queue,
    )
    this.#wait = gauge(
      'queue_wait_seconds',
      'How long the longest of the last requests had waited.',
      queue,
    )
    this.#credit = gauge('consumer_credit', 'Requests that the owner would still take now.', queue)
    this.#limit = gauge('queue_limit', 'Depth at which a queue of the topic refuses.', ['topic'])
    this.#limitBytes = gauge('queue_limit_bytes', 'Size at which a queue of the topic refuses.', [
      'topic',
    ])
    this.#results = counter(
      'queue_results',
      'Requests that have left a queue, by what became of them.',
      ['topic', 'result'],
    )
    this.#ownerChanges = counter(
      'access_lock_owner_changes',
      'Queues that were given to an owner, or taken from one.',
      ['topic', 'change'],
    )
    this.#advisories = counter('advisories', 'What the broker has told, by kind.', ['kind'])
    this.#events = counter('broker_events', "The broker's own counters, by name.", ['event'])
  }

  onAdvisory(advisory: Advisory): void {
    this.#advisories.inc({ kind: advisory.kind })
    const { kind } = advisory
    if (kind !== 'queue_assigned' && kind !== 'queue_gone') return
    const topic = this.#labels.topic.of(advisory.topic)
    this.#ownerChanges.inc({ topic, change: kind === 'queue_assigned' ? 'given' : 'taken' })
  }

  read(view: BrokerView): void {
    this.#uptime.set(view.upMs / 1_000)
    this.#drain.set(DRAIN_STATES[view.state])
    this.#sessions.set(view.sessions)
    this.#links.set(view.links)
    this.#deliveries.set(view.deliveries)
    this.#waitingBytes.set(view.waitingBytes)
    this.#rules.set(view.rules.list.length)
    this.#readCounters(view.counters)
    this.#readTopics(view)
    this.#readQueues(view)
  }

  #readCounters(counters: Readonly<Record<string, number>>): void {
    for (const [event, by] of this.#rise.since(counters)) {
      if (event === 'protocol_errors') this.#protocolErrors.inc({ side: 'broker' }, by)
      else this.#events.inc({ event }, by)
      if (event === 'expired') this.#expired.inc({ stage: 'queue' }, by)
    }
  }

  #readTopics({ topics }: BrokerView): void {
    const queues = new Tally<'topic' | 'state'>()
    const standbys = new Tally<'topic'>()
    const watchers = new Tally<'topic'>()
    const limit = new Tally<'topic'>()
    const limitBytes = new Tally<'topic'>()
    for (const view of topics) {
      const topic = this.#labels.topic.of(view.topic)
      for (const { state } of view.queues) queues.add({ topic, state }, 1)
      standbys.add({ topic }, view.standbys)
      watchers.add({ topic }, view.watchers)
      limit.raise({ topic }, view.maxDepth)
      limitBytes.raise({ topic }, view.maxDepthBytes)
    }
    queues.fill(this.#queues)
    standbys.fill(this.#standbys)
    watchers.fill(this.#watchers)
    limit.fill(this.#limit)
    limitBytes.fill(this.#limitBytes)
  }

  #readQueues({ topics }: BrokerView): void {
    const present = new Set(topics.flatMap(({ queues }) => queues.map(({ queue }) => `${queue}`)))
    this.#labels.queue.keep(present)
    const depth = new Tally<'topic' | 'queue' | 'owner'>()
    const depthBytes = new Tally<'topic' | 'queue' | 'owner'>()
    const wait = new Tally<'topic' | 'queue' | 'owner'>()
    const credit = new Tally<'topic' | 'queue' | 'owner'>()
    const ends = new Map<number, QueueEnds>()
    for (const view of topics) {
      const topic = this.#labels.topic.of(view.topic)
      for (const one of view.queues) {
        const queue = this.#labels.queue.of(`${one.queue}`)
        const labels = { topic, queue, owner: queue === OTHER ? OTHER : one.ownerName }
        depth.add(labels, one.waiting + one.unanswered)
        depthBytes.add(labels, one.depthBytes)
        wait.raise(labels, one.waitedMs / 1_000)
        credit.add(labels, Math.max(0, one.window - one.unanswered))
        this.#addResults(topic, one)
        ends.set(one.queue, one.ends)
      }
    }
    this.#ends = ends
    depth.fill(this.#depth)
    depthBytes.fill(this.#depthBytes)
    wait.fill(this.#wait)
    credit.fill(this.#credit)
  }

  #addResults(topic: string, { queue, ends }: QueueView): void {
    const before = this.#ends.get(queue)
    for (const end in RESULTS) {
      const key = end as keyof QueueEnds
      const by = ends[key] - (before?.[key] ?? 0)
      if (by > 0) this.#results.inc({ topic, result: RESULTS[key] }, by)
    }
  }
}
