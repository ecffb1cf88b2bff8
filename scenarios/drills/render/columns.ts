/** Buckets as they are drawn: so many as can be told apart, however long the drill was. */
import type { Bucket, DrillReport } from '../report.ts'
import { countText, secondsText, valueText } from './text.ts'

/** Each is then at least two or three pixels wide. */
const MOST_COLUMNS = 360

/** What was measured from `fromMs` to `toMs`. */
export interface Column extends Omit<Bucket, 'atMs'> {
  readonly fromMs: number
  readonly toMs: number
}

/** Neighbours are added up; of their p99s the worst is kept, of their p50s the mean by calls. */
export const columnsOf = ({ buckets, bucketMs }: DrillReport): Column[] => {
  const each = Math.max(1, Math.ceil(buckets.length / MOST_COLUMNS))
  const columns: Column[] = []
  for (let i = 0; i < buckets.length; i += each) {
    columns.push(columnOf(buckets.slice(i, i + each), bucketMs))
  }
  return columns
}

const columnOf = (buckets: readonly Bucket[], bucketMs: number): Column => {
  const sum = (key: 'made' | 'ok' | 'executed' | 'notExecuted' | 'unknown' | 'local'): number =>
    buckets.reduce((total, bucket) => total + bucket[key], 0)
  const measured = buckets.filter(({ p50 }) => isNumber(p50))
  const weight = measured.reduce((total, { made }) => total + made, 0)
  const weighted = measured.reduce((total, { made, p50 }) => total + made * p50!, 0)
  const p99s = buckets.map(({ p99 }) => p99).filter(isNumber)
  return {
    fromMs: buckets[0]!.atMs,
    toMs: buckets.at(-1)!.atMs + bucketMs,
    ...{ made: sum('made'), ok: sum('ok'), local: sum('local') },
    ...{ executed: sum('executed'), notExecuted: sum('notExecuted'), unknown: sum('unknown') },
    p50: weight > 0 ? weighted / weight : measured[0]?.p50,
    p99: p99s.length > 0 ? Math.max(...p99s) : undefined,
  }
}

const isNumber = (value: number | undefined): value is number =>
  value !== undefined && Number.isFinite(value)

export const failedOf = ({ executed, notExecuted, unknown }: Column): number =>
  executed + notExecuted + unknown

/** All that a column says, for whoever points at it. */
export const columnText = (column: Column): string => {
  const { fromMs, toMs, made, ok, local, p50, p99, notExecuted, unknown, executed } = column
  const when = `${secondsText(fromMs)} to ${secondsText(toMs)}`
  if (made === 0) return `${when}: no call was made`
  const failed = failedOf(column)
  const kinds = `${notExecuted} not executed, ${unknown} unknown, ${executed} executed`
  return [
    `${when}: ${countText(made, 'call')}, ${valueText((100 * ok) / made, '%')} succeeded`,
    ...(failed > 0 ? [`${failed} failed (${kinds})`] : []),
    `p50 ${valueText(p50, 'ms')}, p99 ${valueText(p99, 'ms')}`,
    ...(ok > 0 ? [`${valueText((100 * local) / ok, '%')} answered at home`] : []),
  ].join('; ')
}
