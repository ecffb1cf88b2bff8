/** The timeline as the page keeps it: newest first, bounded, each entry once. */
import type { TimelineEntry } from '../../admin/api.ts'

export const MAX_ENTRIES = 2_000

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
  if (fresh.length === 0) return known.slice(0, MAX_ENTRIES)
  return [...fresh, ...known].sort((a, b) => b.at - a.at || b.n - a.n).slice(0, MAX_ENTRIES)
}

/** After one of these the next snapshot should not wait for its second. */
export const isUrgent = ({ kind, source }: TimelineEntry): boolean =>
  source === 'operator' ||
  /^(?:circuit|queue|idc|standby|link_down|drain|resumed|session_|limits|routes)/.test(kind)
