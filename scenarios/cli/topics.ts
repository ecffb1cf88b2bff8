/** `finbus topics`: who answers what. */
import type { ClientFlags } from './client.ts'
import { readSettings } from './settings.ts'
import { type TopicAt, topicsOfAll } from './snapshot.ts'
import { type Cell, table } from './table.ts'

export const topics = async (flags: ClientFlags): Promise<void> => {
  const { topics: known, isMany } = await topicsOfAll(readSettings(flags))
  const rows = known.map(summaryOf)
  if (flags.json) process.stdout.write(`${JSON.stringify({ ok: true, topics: rows })}\n`)
  else if (rows.length === 0) {
    process.stderr.write('no topics yet; `finbus reply demo.echo --echo` answers one\n')
  } else process.stdout.write(asTable(rows, isMany))
}

interface Summary {
  topic: string
  broker: string
  group: string
  queues: number
  waiting: number
  unanswered: number
  watchers: number
}

const summaryOf = ({ topic, broker, group, queues, watchers }: TopicAt): Summary => ({
  topic,
  broker,
  group,
  queues: queues.length,
  waiting: queues.reduce((sum, { waiting }) => sum + waiting, 0),
  unanswered: queues.reduce((sum, { unanswered }) => sum + unanswered, 0),
  watchers,
})

const asTable = (rows: readonly Summary[], hasBrokers: boolean): string => {
  const heads = ['TOPIC', 'GROUP', 'QUEUES', 'WAITING', 'UNANSWERED', 'WATCHERS']
  const cells = rows.map((row): Cell[] => [
    row.topic,
    row.group || '-',
    row.queues,
    row.waiting,
    row.unanswered,
    row.watchers,
  ])
  if (!hasBrokers) return table(heads, cells)
  return table(
    ['BROKER', ...heads],
    cells.map((row, i) => [rows[i]?.broker ?? '', ...row]),
  )
}
