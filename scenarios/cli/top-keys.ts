/** What keys do to the picture of `finbus top`. */
import { SORTS, type TopAsk } from './top-view.ts'

const CTRL_C = '\x03'
const CTRL_D = '\x04'
const ESCAPE = '\x1b'
const ENTER = new Set(['\r', '\n'])
const BACK = new Set(['\x7f', '\b'])
const MOST_FILTER = 60
const PAGE = 10
/** A sequence that a key sends, or one character. */
const KEYS = new RegExp(`${ESCAPE}(?:\\[[0-9;]*[A-Za-z~]|O[A-Za-z])|[^]`, 'gu')
const SCROLL: Readonly<Record<string, number>> = {
  ...{ '\x1b[A': -1, '\x1b[B': 1, '\x1bOA': -1, '\x1bOB': 1, '\x1b[5~': -PAGE, '\x1b[6~': PAGE },
  ...{ k: -1, j: 1, '\x1b[H': Number.NEGATIVE_INFINITY, '\x1b[F': Number.MAX_SAFE_INTEGER },
}

/** What comes of what was typed, which may be several keys; undefined: it is to end. */
export const pressed = (ask: TopAsk, typed: string): TopAsk | undefined => {
  let now: TopAsk | undefined = ask
  for (const [key] of typed.matchAll(KEYS)) {
    now = now.isFiltering ? filtered(now, key) : commanded(now, key)
    if (now === undefined) return undefined
  }
  return now
}

const commanded = (ask: TopAsk, key: string): TopAsk | undefined => {
  if (key === 'q' || key === CTRL_C || key === CTRL_D) return undefined
  if (key === 's') return { ...ask, sort: SORTS[(SORTS.indexOf(ask.sort) + 1) % SORTS.length]! }
  if (key === 'p') return { ...ask, isPaused: !ask.isPaused }
  if (key === '/') return { ...ask, isFiltering: true }
  if (key === ESCAPE) return { ...ask, filter: '', scrolled: 0 }
  const by = SCROLL[key]
  return by === undefined ? ask : { ...ask, scrolled: Math.max(0, ask.scrolled + by) }
}

const filtered = (ask: TopAsk, key: string): TopAsk | undefined => {
  if (key === CTRL_C) return undefined
  if (ENTER.has(key)) return { ...ask, isFiltering: false }
  if (key === ESCAPE) return { ...ask, isFiltering: false, filter: '' }
  const scrolled = 0
  if (BACK.has(key)) return { ...ask, scrolled, filter: [...ask.filter].slice(0, -1).join('') }
  if (!/^[^\p{Cc}]$/u.test(key) || ask.filter.length >= MOST_FILTER) return ask
  return { ...ask, scrolled, filter: ask.filter + key }
}
