/** What is said while a drill is played: lines that stay, and a picture of now that is drawn anew. */
import type { Holding, ProgressEvent, Tick } from '../progress-event.ts'
import { isReached, type PlayedStep } from '../report.ts'
import type { Line, Piece } from './terminal.ts'
import { sparkline } from './terminal.ts'
import { boundText, countText, plain, resultText, secondsText, valueText } from './text.ts'

/** Of a drill of an hour the last minutes are drawn. */
const MOST_TICKS = 240
const MOST_CODES = 4
const MOST_BROKERS = 8
const MOST_OWNERS = 5
const NAME = 40
const MARGIN = 12

/** A line that stays, one or more for each event that deserves it. */
export const linesOf = (event: ProgressEvent): Line[] => {
  switch (event.kind) {
    case 'starting':
      return [[[plain(event.drill.name, NAME), 'strong'], `: starting ${castOf(event.drill)}`]]
    case 'step':
      return [
        [
          ...[time(event.atMs), [`step ${event.number} of ${event.of}`, 'strong'] as const],
          `: ${plain(event.name, 80)} (${secondsText(event.forMs)})`,
        ],
      ]
    case 'act': {
      const { text, failure } = event.act
      const did: Piece = [plain(text), 'warn']
      if (failure === undefined) return [[time(event.atMs), did]]
      return [[time(event.atMs), did, [` failed: ${plain(failure)}`, 'bad']]]
    }
    case 'stepped':
      return missedLines(event.atMs, event.step)
    case 'tick':
      return [[time(event.atMs), ...figuresOf(event, ' at worst'), ...troublesOf(event)]]
    case 'settling':
      return [[time(event.atMs), 'waiting until every call has settled']]
    case 'done':
      return []
  }
}

const time = (ms: number): string => `${secondsText(ms).padStart(MARGIN - 3)}  `

const castOf = ({ cluster }: Extract<ProgressEvent, { kind: 'starting' }>['drill']): string => {
  const idcs = Object.values(cluster.idcs)
  const sum = (key: 'brokers' | 'responders' | 'requesters'): number =>
    idcs.reduce((total, idc) => total + idc[key], 0)
  return [
    countText(sum('brokers'), 'broker'),
    countText(sum('responders'), 'responder'),
    countText(sum('requesters'), 'requester'),
    `${countText(idcs.length, 'IDC')}`,
  ].join(', ')
}

/** Calls that are still open are not in it yet, so it only tells what is missed already. */
const missedLines = (atMs: number, { name, figures }: PlayedStep): Line[] =>
  figures
    .filter((figure) => !isReached(figure))
    .map((figure) => {
      const { value, unit } = figure
      const measured = `${plain(figure.name, NAME)} ${valueText(value, unit)}, ${boundText(figure)}`
      return [time(atMs), [`${plain(name, NAME)}: ${measured}: ${resultText(figure)}`, 'bad']]
    })

const figuresOf = ({ rate, okPercent, p99Ms, localPercent }: Tick, worst = ''): Piece[] => [
  `${valueText(rate, 'count')} calls/s   ok${worst} `,
  [okText(okPercent), okPercent === undefined ? 'soft' : okPercent >= 100 ? 'good' : 'bad'],
  `   p99${worst} ${valueText(p99Ms, 'ms')}   at home ${valueText(localPercent, '%')}`,
]

/** Several seconds as one: the last as it is, but the worst of what must not be overlooked. */
export const joined = (earlier: Tick | undefined, last: Tick): Tick => {
  if (earlier === undefined) return last
  const counts = new Map<string, number>()
  for (const { code, count } of [...earlier.failed, ...last.failed]) {
    counts.set(code, (counts.get(code) ?? 0) + count)
  }
  return {
    ...last,
    okPercent: least(earlier.okPercent, last.okPercent),
    p99Ms: most(earlier.p99Ms, last.p99Ms),
    failed: [...counts].map(([code, count]) => ({ code, count })).sort((a, b) => b.count - a.count),
    silent: [...new Set([...earlier.silent, ...last.silent])],
  }
}

const least = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
const most = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.max(a, b)

/** Nearly all is not all. */
const okText = (percent: number | undefined): string =>
  valueText(percent === undefined ? undefined : Math.floor(percent * 100) / 100, '%')

const troublesOf = ({ failed, silent }: Tick): Piece[] => [
  ...(failed.length === 0 ? [] : [[`   failed: ${codesOf(failed)}`, 'bad'] as const]),
  ...(silent.length === 0 ? [] : [[`   silent: ${namesOf(silent)}`, 'warn'] as const]),
]

const codesOf = (failed: Tick['failed']): string =>
  more(failed, MOST_CODES, ({ code, count }) => `${count} ${plain(code, NAME)}`)

const namesOf = (names: readonly string[]): string =>
  more(names, MOST_BROKERS, (name) => plain(name, NAME))

const more = <T>(items: readonly T[], limit: number, textOf: (item: T) => string): string => {
  const told = items.slice(0, limit).map(textOf).join(', ')
  return items.length <= limit ? told : `${told} and ${items.length - limit} more`
}

/** Now, in a few lines: fed with every event, drawn as often as one likes. */
export class Picture {
  #wholeMs = 0
  #step: Extract<ProgressEvent, { kind: 'step' }> | undefined
  #tick: Tick | undefined
  #doing = 'starting'
  readonly #ok: (number | undefined)[] = []

  take(event: ProgressEvent): void {
    if (event.kind === 'starting') {
      this.#wholeMs = event.drill.steps.reduce((sum, { forMs }) => sum + forMs, 0)
    } else if (event.kind === 'step') {
      this.#step = event
      this.#doing = `step ${event.number} of ${event.of}: ${plain(event.name, 80)}`
    } else if (event.kind === 'tick') {
      this.#tick = event
      this.#ok.push(event.okPercent)
      if (this.#ok.length > MOST_TICKS) this.#ok.shift()
    } else if (event.kind === 'settling') this.#doing = 'waiting until every call has settled'
  }

  /** At most `rows` lines; empty before there is anything to be seen. */
  lines(columns: number, rows: number): Line[] {
    if (this.#step === undefined) return []
    const tick = this.#tick
    const lines: Line[] = [this.#progressLine(columns)]
    if (tick !== undefined) {
      const room = Math.max(1, columns - MARGIN)
      lines.push(
        [label('now'), ...figuresOf(tick)],
        [label('ok, 1 s'), [sparkline(this.#ok.slice(-room)), 'good']],
        [
          label('failed'),
          tick.failed.length > 0 ? [codesOf(tick.failed), 'bad'] : ['none', 'soft'],
        ],
        ...holdingLines(tick),
      )
    }
    return lines.slice(0, Math.max(0, rows))
  }

  #progressLine(columns: number): Line {
    const atMs = this.#tick?.atMs ?? this.#step?.atMs ?? 0
    const share = this.#wholeMs === 0 ? 0 : Math.min(1, Math.max(0, atMs / this.#wholeMs))
    const width = Math.max(4, Math.min(24, Math.floor(columns / 4)))
    const full = Math.round(share * width)
    return [
      label(secondsText(atMs)),
      ['█'.repeat(full), 'good'],
      ['░'.repeat(width - full), 'soft'],
      ` of ${secondsText(this.#wholeMs)}, ${this.#doing}`,
    ]
  }
}

const label = (text: string): Piece => [text.padStart(MARGIN - 2).padEnd(MARGIN), 'soft']

/** A line for each broker: whose its queues are, and what is the matter with it. */
const holdingLines = ({ holdings, silent }: Tick): Line[] => {
  const brokers = new Map<string, Holding[]>(silent.map((name) => [name, []]))
  for (const holding of holdings) {
    const known = brokers.get(holding.broker)
    if (known === undefined) brokers.set(holding.broker, [holding])
    else known.push(holding)
  }
  const names = [...brokers.keys()].sort((a, b) => a.localeCompare(b, 'en'))
  const lines = names
    .slice(0, MOST_BROKERS)
    .map(
      (name): Line => [
        label(plain(name, MARGIN - 2)),
        ...(silent.includes(name) ? [['silent  ', 'bad'] as const] : []),
        more(brokers.get(name) ?? [], MOST_OWNERS, holdingText),
      ],
    )
  const missing = names.length - MOST_BROKERS
  return missing > 0 ? [...lines, [label(''), `and ${countText(missing, 'more broker')}`]] : lines
}

const holdingText = ({ owner, state, n }: Holding): string => {
  const count = n === 1 ? '' : ` × ${n}`
  const how = state === 'writable' ? '' : ` (${plain(state, NAME)})`
  return `${owner === '' ? 'nobody' : plain(owner, NAME)}${count}${how}`
}
