/** The timeline as the page keeps it: newest first, bounded, each entry once. */
import type { TimelineEntry } from '../../admin/api.ts'

export const MAX_ENTRIES = 2_000
/** Of what people and drills did, however much else happened since. */
const MAX_WORDS = 1_000

export const entryKey = ({ broker, n, at }: TimelineEntry): string => `${broker} ${n} ${at}`

export const joined = (
  known: readonly TimelineEntry[],
  more: readonly TimelineEntry[],
): TimelineEntry[] => {
  const keys = new Set(known.map(entryKey))
  const fresh: TimelineEntry[] = []
  for (const entry of more) {
    if (keys.has(entryKey(entry))) continue
    keys.add(entryKey(entry))
    fresh.push(entry)
  }
  const all = [...fresh, ...known].sort((a, b) => b.at - a.at || b.n - a.n)
  const words = all.slice(MAX_ENTRIES).filter(isWord).slice(0, MAX_WORDS)
  return [...all.slice(0, MAX_ENTRIES), ...words]
}

const isWord = ({ source }: TimelineEntry): boolean => source === 'operator' || source === 'drill'

/** After one of these the next snapshot should not wait for its second. */
export const isUrgent = ({ kind, source }: TimelineEntry): boolean =>
  source === 'operator' ||
  /^(?:circuit|queue|idc|standby|link_down|drain|resumed|session_|limits|routes)/.test(kind)
