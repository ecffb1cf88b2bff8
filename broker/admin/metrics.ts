import { type Gauge, Registry } from 'prom-client'
import type { Advisory } from '../../bus/advisory.ts'
import type { Report } from '../../bus/report.ts'
import type { BrokerView } from '../core/view.ts'
import type { ClientIdentity } from '../steering.ts'
import { type AdminFigures, AdminMetrics } from './admin-metrics.ts'
import { Labels } from './label-room.ts'
import { metricMakers } from './metric-makers.ts'
import { ReportMetrics } from './report-metrics.ts'
import { ViewMetrics } from './view-metrics.ts'

export interface MetricsFacts {
  /** The broker's id, and its data centre. */
  readonly broker: string
  readonly idc: string
  readonly version: string
}

/**
 * What `GET /metrics` says: the broker's own view at the time of asking, and what has been added up of
 * clients' reports and of advisories in this life. In a registry of its own.
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly #labels = new Labels()
  readonly #view: ViewMetrics
  readonly #reports: ReportMetrics
  readonly #folded: Gauge<'label'>
  readonly #admin: AdminMetrics

  constructor({ broker, idc, version }: MetricsFacts) {
    const { gauge, counter } = metricMakers(this.#registry)
    const build = gauge('build_info', 'What runs here; always 1.', [
      ...(['version', 'broker', 'idc', 'node'] as const),
    ])
    build.set({ version, broker, idc, node: process.version }, 1)
    const expired = counter(
      'expired',
      'Requests whose time was over before they were started, by where: queue or handler.',
      ['stage'],
    )
    const protocolErrors = counter(
      'protocol_errors',
      'Links ended for what came over them, by who ended them: broker or client.',
      ['side'],
    )
    this.#folded = gauge(
      'label_values_folded',
      'Values without a series of their own, which are counted under other.',
      ['label'],
    )
    this.#admin = new AdminMetrics(this.#registry)
    this.#view = new ViewMetrics(this.#registry, this.#labels, expired, protocolErrors)
    this.#reports = new ReportMetrics(this.#registry, this.#labels, expired, protocolErrors)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** A report that was accepted. */
  onReport(client: ClientIdentity, report: Report): void {
    this.#reports.onReport(client, report)
  }

  /** A report that made no sense, or came too often. */
  onMalformed(): void {
    this.#reports.onMalformed()
  }

  /** What is shown of a client's present state ends with its link; what it has done stays counted. */
  onClient(client: ClientIdentity, state: 'up' | 'lost' | 'gone'): void {
    this.#reports.onClient(client, state)
  }

  onAdvisory(advisory: Advisory): void {
    this.#view.onAdvisory(advisory)
  }

  /** In Prometheus's own format, as everything stands now. */
  text(view: BrokerView, admin: AdminFigures): Promise<string> {
    this.#view.read(view)
    this.#admin.read(admin)
    this.#reports.read()
    for (const [label, count] of Object.entries(this.#labels.folded())) {
      this.#folded.set({ label }, count)
    }
    return this.#registry.metrics()
  }
}
