/** Bounds of a whole drill that are given from outside, over its own. */
import { didYouMean } from '../../bus/index.ts'
import { type BoundName, type Drill, DrillError } from './drill.ts'
import { DRILL } from './drill-text.ts'
import { BOUND_NAMES } from './figures.ts'

/** `failed=0`, `p99Ms=500`. Throws `DrillError` with what is wrong, and what would be right. */
export const withBounds = (drill: Drill, texts: readonly string[]): Drill => {
  let { bounds } = drill
  for (const text of texts) bounds = { ...bounds, ...readBound(text) }
  return { ...drill, bounds }
}

const readBound = (text: string): Drill['bounds'] => {
  const at = text.indexOf('=')
  const name = (at < 0 ? text : text.slice(0, at)).trim()
  if (!BOUND_NAMES.includes(name as BoundName)) {
    const hint = didYouMean(name, BOUND_NAMES) || `; bounds are ${BOUND_NAMES.join(', ')}`
    throw new DrillError(`there is no bound "${name}"${hint}`)
  }
  if (at < 0) throw new DrillError(`"${text}" says no value; write ${name}=0`)
  const value = text.slice(at + 1).trim()
  const read = DRILL.shape.bounds.safeParse({ [name]: value === '' ? undefined : Number(value) })
  if (read.success && read.data[name as BoundName] !== undefined) return read.data
  const reason = read.success ? 'it must be a number' : read.error.issues[0]!.message
  throw new DrillError(`"${text}" is no bound: ${reason}`)
}
