/** `finbus timeline`: what happened, oldest first, and with `--follow` what happens. */
import { setTimeout as pause } from 'node:timers/promises'
import type { TimelineEntry } from '../../broker/index.ts'
import { type AdminClient, adminOf, type StreamEvent } from './admin-client.ts'
import { ENTRY, TIMELINE } from './admin-shapes.ts'
import type { ClientFlags } from './client.ts'
import { messageOf, printable, UsageError } from './failure.ts'
import { readSettings } from './settings.ts'
import { withSignal } from './signals.ts'

export interface TimelineFlags extends ClientFlags {
  follow?: boolean
  topic?: string
  limit?: string
}

/** A lost stream is looked for again so soon. */
const AGAIN_MS = 1_000
/** Entries seen last, so that none is told twice. */
const MOST_SEEN = 10_000
const MOST_ENTRIES = 1_000

export const timeline = async (flags: TimelineFlags): Promise<void> => {
  const path = pathOf(flags.limit)
  const admin = adminOf(readSettings(flags))
  const isMeant = ({ topic }: TimelineEntry): boolean =>
    flags.topic === undefined || topic === flags.topic
  try {
    if (flags.follow === true) return await follow(admin, path, isMeant, flags.json === true)
    const entries = (await admin.get(path, TIMELINE)).entries.filter(isMeant)
    if (flags.json) process.stdout.write(`${JSON.stringify({ ok: true, entries })}\n`)
    else if (entries.length === 0) process.stderr.write('nothing has happened yet\n')
    else process.stdout.write(entries.map(lineOf).join(''))
  } finally {
    admin.close()
  }
}

/** The last ones; how many is the API's to say, if nobody else does. */
const pathOf = (limit: string | undefined): string => {
  if (limit === undefined) return '/v1/timeline'
  const count = /^\d{1,5}$/.test(limit) ? Number(limit) : 0
  if (count >= 1 && count <= MOST_ENTRIES) return `/v1/timeline?limit=${count}`
  throw new UsageError(`--limit must be a whole number from 1 to ${MOST_ENTRIES}; got "${limit}"`)
}

const follow = (
  admin: AdminClient,
  path: string,
  isMeant: (entry: TimelineEntry) => boolean,
  isJson: boolean,
): Promise<void> =>
  withSignal(async (signalled) => {
    const stop = new AbortController()
    void signalled.then(() => stop.abort())
    const seen = new Set<string>()
    const tell = (entry: TimelineEntry): void => {
      const key = `${entry.broker} ${entry.at} ${entry.n}`
      if (seen.has(key)) return
      seen.add(key)
      if (seen.size > MOST_SEEN) seen.delete(seen.values().next().value!)
      if (isMeant(entry))
        process.stdout.write(isJson ? `${JSON.stringify(entry)}\n` : lineOf(entry))
    }
    // The first failure is the command's; later ones are passed over.
    for (const entry of (await admin.get(path, TIMELINE)).entries) tell(entry)
    let lastId: string | undefined
    const take = ({ id, event, data }: StreamEvent): void => {
      if (id !== '') lastId = id
      const entry = event === 'entry' ? parsed(data) : undefined
      if (entry !== undefined) tell(entry)
    }
    while (!stop.signal.aborted) {
      let why = 'it ended'
      try {
        await admin.follow('/v1/advisories', lastId, take, stop.signal)
      } catch (error) {
        why = messageOf(error)
      }
      if (stop.signal.aborted) break
      process.stderr.write(`lost ${printable(why)}; trying again\n`)
      await pause(AGAIN_MS, undefined, { signal: stop.signal }).catch(() => {})
    }
  })

const parsed = (data: string): TimelineEntry | undefined => {
  try {
    const read = ENTRY.safeParse(JSON.parse(data))
    return read.success ? read.data : undefined
  } catch {
    return undefined
  }
}

/** `12:30:00.123 warn  sz-1  circuit of account.balance is open`. */
const lineOf = ({ at, level, source, node, broker, text }: TimelineEntry): string => {
  const clock = new Date(at).toISOString().slice(11, 23)
  const whose = node === broker || source === 'broker' ? node : `${source} ${node} at ${broker}`
  return `${printable(`${clock} ${level.padEnd(5)} ${whose}: ${text}`)}\n`
}
