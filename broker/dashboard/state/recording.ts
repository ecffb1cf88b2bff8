/** The report of a drill, as `finbus drill --report` wrote it; only what the player shows is read. */

export interface RecordedBucket {
  atMs: number
  made: number
  ok: number
  p50: number | null
  p99: number | null
  local: number
}

export interface RecordedSpan {
  fromMs: number
  toMs: number
  owner: string
  epoch: number
  state: string
}

export interface Recording {
  drill: string
  about: string
  stage: string
  verdict: string
  startedAt: string
  durationMs: number
  bucketMs: number
  steps: readonly { name: string; fromMs: number; toMs: number }[]
  acts: readonly { atMs: number; text: string; failure: string | null }[]
  buckets: readonly RecordedBucket[]
  bands: readonly { broker: string; queue: number; spans: readonly RecordedSpan[] }[]
}

/** More than these are not drawn; the recording says how many it had. */
const MAX_BUCKETS = 20_000
export const MAX_ACTS = 2_000
const MAX_BANDS = 200
const MAX_SPANS = 500

/** Throws an Error that says what is wrong with the file. */
export const readRecordings = (text: string): Recording[] => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new Error(`This is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  const list = Array.isArray(json) ? json : [json]
  if (list.length === 0) throw new Error('This file holds an empty list, and no report of a drill.')
  return list.map(recordingOf)
}

const recordingOf = (json: unknown): Recording => {
  const report = fieldsOf(json, 'the report')
  return {
    drill: text(report, 'drill'),
    about: text(report, 'about'),
    stage: text(report, 'stage'),
    verdict: text(report, 'verdict'),
    startedAt: text(report, 'startedAt'),
    durationMs: number(report, 'durationMs'),
    bucketMs: number(report, 'bucketMs'),
    steps: list(report, 'steps', MAX_ACTS).map((step) => ({
      ...{ name: text(step, 'name'), fromMs: number(step, 'fromMs'), toMs: number(step, 'toMs') },
    })),
    acts: list(report, 'acts', MAX_ACTS).map((act) => ({
      ...{ atMs: number(act, 'atMs'), text: text(act, 'text') },
      failure: typeof act.failure === 'string' ? act.failure : null,
    })),
    buckets: list(report, 'buckets', MAX_BUCKETS).map((bucket) => ({
      ...{ atMs: number(bucket, 'atMs'), made: number(bucket, 'made'), ok: number(bucket, 'ok') },
      ...{ p50: known(bucket, 'p50'), p99: known(bucket, 'p99'), local: number(bucket, 'local') },
    })),
    bands: list(report, 'bands', MAX_BANDS).map((band) => ({
      ...{ broker: text(band, 'broker'), queue: number(band, 'queue') },
      spans: list(band, 'spans', MAX_SPANS).map((span) => ({
        ...{ fromMs: number(span, 'fromMs'), toMs: number(span, 'toMs') },
        ...{ owner: text(span, 'owner'), epoch: number(span, 'epoch'), state: text(span, 'state') },
      })),
    })),
  }
}

type Fields = Record<string, unknown>

const fieldsOf = (value: unknown, what: string): Fields => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`This is no report of a drill: ${what} is not an object.`)
  }
  return value as Fields
}

const wrong = (name: string, wanted: string): Error =>
  new Error(`This is no report of a drill: "${name}" should be ${wanted}.`)

const text = (fields: Fields, name: string): string => {
  const value = fields[name]
  if (typeof value !== 'string') throw wrong(name, 'a text')
  return value
}

const number = (fields: Fields, name: string): number => {
  const value = fields[name]
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(name, 'a number')
  return value
}

const known = (fields: Fields, name: string): number | null => {
  const value = fields[name]
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

const list = (fields: Fields, name: string, most: number): Fields[] => {
  const value = fields[name]
  if (!Array.isArray(value)) throw wrong(name, 'a list')
  return value.slice(0, most).map((item) => fieldsOf(item, `an item of "${name}"`))
}

/** What the player says of one instant of it. */
export interface RecordedMoment {
  successShare: number | null
  localShare: number | null
  p99: number | null
  rate: number | null
  step: string
  lastAct: string
}

export const momentOf = (recording: Recording, atMs: number): RecordedMoment => {
  const { buckets, bucketMs, steps, acts } = recording
  const bucket = buckets.findLast((one) => one.atMs <= atMs)
  const isThere = bucket !== undefined && atMs < bucket.atMs + bucketMs
  return {
    successShare: isThere && bucket.made > 0 ? bucket.ok / bucket.made : null,
    localShare: isThere && bucket.ok > 0 ? bucket.local / bucket.ok : null,
    p99: isThere ? bucket.p99 : null,
    rate: isThere && bucketMs > 0 ? (bucket.made * 1_000) / bucketMs : null,
    step: steps.findLast(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs)?.name ?? '',
    lastAct: acts.findLast((act) => act.atMs <= atMs)?.text ?? '',
  }
}
