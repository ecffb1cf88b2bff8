/** The report for machines: the numbers as they are, under a name that says how to read them. */
import type { DrillReport } from '../report.ts'

const FORMAT = 'finbus.drill/1'

/** Always the same for the same report. What was not measured is null; a line holds one thing. */
export const jsonOf = (report: DrillReport): string => {
  const { drill, about, stage, verdict, startedAt, machine, version, durationMs, ...rest } = report
  const { figures, failures, leftovers, steps, acts, bucketMs, buckets, bands } = rest
  const ordered = {
    ...{ format: FORMAT, drill, about, stage, verdict, startedAt, machine, version, durationMs },
    ...{ figures, failures, leftovers, steps, acts, bucketMs, buckets, bands },
  }
  const fields = Object.entries(ordered).map(([key, value]) => `  "${key}": ${fieldOf(value)}`)
  return `{\n${fields.join(',\n')}\n}\n`
}

const fieldOf = (value: unknown): string => {
  if (!Array.isArray(value) || value.length === 0) return compact(value)
  return `[\n${value.map((item) => `    ${compact(item)}`).join(',\n')}\n  ]`
}

const compact = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (inner === undefined ? null : inner))
