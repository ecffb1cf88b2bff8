import type { Registry } from 'prom-client'
import { CounterRise } from './counter-rise.ts'
import { metricMakers } from './metric-makers.ts'

/** What the admin side knows of itself. */
export interface AdminFigures {
  /** What it has done and left undone, by name. */
  readonly counters: Readonly<Record<string, number>>
  /** Clients whose newest report is kept. */
  readonly clients: number
  /** Whoever listens to the timeline. */
  readonly listeners: number
}

/** How the admin side itself does, read when somebody asks. */
export class AdminMetrics {
  readonly #events
  readonly #clients
  readonly #listeners
  readonly #rise = new CounterRise()

  constructor(registry: Registry) {
    const { gauge, counter } = metricMakers(registry)
    this.#events = counter(
      'admin_events',
      'What the admin side of the broker has done and left undone, by name.',
      ['event'],
    )
    this.#clients = gauge('admin_clients', 'Clients whose newest report the admin side keeps.')
    this.#listeners = gauge('admin_listeners', 'Listeners to the timeline now.')
  }

  read({ counters, clients, listeners }: AdminFigures): void {
    for (const [event, by] of this.#rise.since(counters)) this.#events.inc({ event }, by)
    this.#clients.set(clients)
    this.#listeners.set(listeners)
  }
}
