/** Who owned which queue when, from one look to the next, and how often one changed hands. */
import type { Band, Span } from './report.ts'
import type { Look, QueueNow } from './stage.ts'

/** What a report can hold; a drill in which more happens has more to tell than who owned what. */
const MAX_BANDS = 400
const MAX_SPANS = 8_000

type OpenSpan = { -readonly [K in keyof Span]: Span[K] }

interface Row {
  readonly broker: string
  readonly queue: number
  readonly spans: OpenSpan[]
  /** It is extended for as long as the queue looks the same. */
  open: OpenSpan | undefined
  owner: string
  epoch: number
}

export class Bands {
  readonly #rows = new Map<string, Row>()
  #spans = 0
  /** Queues that went to another owner. */
  moves = 0

  take(atMs: number, { queues, players }: Look): void {
    const seen = new Set<Row>()
    for (const queue of queues) {
      const row = this.#rowOf(queue)
      if (row === undefined) continue
      seen.add(row)
      this.#extend(atMs, row, queue)
    }
    const up = new Set(players.filter(({ kind }) => kind === 'broker').map(({ name }) => name))
    for (const row of this.#rows.values()) {
      if (seen.has(row)) continue
      if (row.open !== undefined) row.open.toMs = atMs
      row.open = undefined
      // A broker's next life counts its queues anew: they are others.
      if (!up.has(row.broker)) row.owner = ''
    }
  }

  get all(): Band[] {
    return [...this.#rows.values()]
      .filter(({ spans }) => spans.length > 0)
      .map(({ broker, queue, spans }) => ({ broker, queue, spans }))
      .sort((a, b) => a.broker.localeCompare(b.broker, 'en') || a.queue - b.queue)
  }

  #extend(atMs: number, row: Row, { owner, epoch, state }: QueueNow): void {
    const hasMoved = row.owner !== '' && owner !== '' && owner !== row.owner && epoch > row.epoch
    if (hasMoved) this.moves += 1
    if (owner !== '') row.owner = owner
    row.epoch = epoch
    const { open } = row
    if (open !== undefined) {
      open.toMs = atMs
      if (open.owner === owner && open.epoch === epoch && open.state === state) return
    }
    row.open = undefined
    if (this.#spans >= MAX_SPANS) return
    this.#spans += 1
    row.open = { fromMs: atMs, toMs: atMs, owner, epoch, state }
    row.spans.push(row.open)
  }

  #rowOf({ broker, queue }: QueueNow): Row | undefined {
    const key = `${broker} ${queue}`
    const known = this.#rows.get(key)
    if (known !== undefined || this.#rows.size >= MAX_BANDS) return known
    const row: Row = { broker, queue, spans: [], open: undefined, owner: '', epoch: 0 }
    this.#rows.set(key, row)
    return row
  }
}
