/** Numbers, ages and instants as people read them. Unknown is a dash and the word, never a zero. */

const UNKNOWN = '– unknown'

export const rateText = (rate: number | null): string => {
  if (rate === null) return UNKNOWN
  if (rate === 0) return '0/s'
  return `${rate < 10 ? rate.toFixed(1) : countText(rate)}/s`
}

/** Every digit: for totals that people compare. */
export const exactText = (count: number): string => count.toLocaleString('en')

/** 9,999 and then 12.3k, 4.56M. */
export const countText = (count: number): string => {
  if (count < 10_000) return Math.round(count).toLocaleString('en')
  if (count < 1_000_000) return `${(count / 1_000).toPrecision(3)}k`
  return `${(count / 1_000_000).toPrecision(3)}M`
}

export const msText = (ms: number | null): string => {
  if (ms === null) return UNKNOWN
  if (ms < 10) return `${ms.toFixed(1)} ms`
  return ms < 10_000 ? `${Math.round(ms).toLocaleString('en')} ms` : `${(ms / 1_000).toFixed(1)} s`
}

export const shareText = (share: number | null): string => {
  if (share === null) return '–'
  const percent = share * 100
  if (percent > 0 && percent < 0.1) return '< 0.1 %'
  if (percent > 99.9 && percent < 100) return '> 99.9 %'
  return `${percent === 0 || percent >= 10 ? Math.round(percent) : percent.toFixed(1)} %`
}

/** 800 ms, 12 s, 3 min, 5 h, 2 d. */
export const ageText = (ms: number): string => {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  const seconds = Math.floor(ms / 1_000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800
    ? `${Math.floor(seconds / 3_600)} h`
    : `${Math.floor(seconds / 86_400)} d`
}

export const bytesText = (bytes: number): string => {
  if (bytes < 1_024) return `${bytes} B`
  if (bytes < 1_048_576) return `${(bytes / 1_024).toPrecision(3)} KiB`
  return `${(bytes / 1_048_576).toPrecision(3)} MiB`
}

const two = (value: number): string => String(value).padStart(2, '0')

/** 03:12:45, by the clock of the reader. */
export const clockText = (at: number): string => {
  const date = new Date(at)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

export const preciseClockText = (at: number): string =>
  `${clockText(at)}.${String(new Date(at).getMilliseconds()).padStart(3, '0')}`

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${countText(count)} ${count === 1 ? one : many}`

/** Any value as a person may read it in one line. */
export const valueText = (value: unknown): string => {
  if (value === null || value === undefined) return '–'
  if (typeof value !== 'object') return String(value)
  if (Array.isArray(value)) {
    return value.length === 0 ? 'nothing' : value.map(valueText).join('; ')
  }
  const told = Object.entries(value)
    .filter(([, each]) => each !== null && each !== '')
    .map(([name, each]) => `${name} ${instantText(name, each) ?? partText(each)}`)
  return told.length === 0 ? 'nothing' : told.join(', ')
}

const partText = (value: unknown): string =>
  typeof value === 'object' ? `(${valueText(value)})` : valueText(value)

/** Instants, by their names in the API. */
const instantText = (name: string, value: unknown): string | undefined =>
  (name === 'at' || name === 'until') && typeof value === 'number' ? clockText(value) : undefined
