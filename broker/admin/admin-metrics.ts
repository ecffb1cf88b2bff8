import { Counter, Gauge, type Registry } from 'prom-client'
import { CounterRise } from './counter-rise.ts'

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
    const registers = [registry]
    this.#events = new Counter({
      name: 'finbus_admin_events_total',
      help: 'What the admin side of the broker has done and left undone, by name.',
      labelNames: ['event'],
      registers,
    })
    this.#clients = new Gauge({
      name: 'finbus_admin_clients',
      help: 'Clients whose newest report the admin side keeps.',
      registers,
    })
    this.#listeners = new Gauge({
      name: 'finbus_admin_listeners',
      help: 'Listeners to the timeline now.',
      registers,
    })
  }

  read({ counters, clients, listeners }: AdminFigures): void {
    for (const [event, by] of this.#rise.since(counters)) this.#events.inc({ event }, by)
    this.#clients.set(clients)
    this.#listeners.set(listeners)
  }
}
