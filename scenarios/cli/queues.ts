/** `finbus queues`: each queue, its owner and what is in it. */
import { didYouMean } from '../../bus/index.ts'
import type { ClientFlags } from './client.ts'
import { Failure } from './failure.ts'
import { readSettings } from './settings.ts'
import { type QueueTold, type TopicAt, topicsOfAll } from './snapshot.ts'
import { type Cell, table } from './table.ts'

interface Row extends QueueTold {
  topic: string
  broker: string
}

export const queues = async (topic: string | undefined, flags: ClientFlags): Promise<void> => {
  const { topics: known, isMany } = await topicsOfAll(readSettings(flags))
  const rows = chosen(known, topic).flatMap(rowsOf)
  if (flags.json) process.stdout.write(`${JSON.stringify({ ok: true, queues: rows })}\n`)
  else if (rows.length === 0) process.stderr.write('no queues: nobody answers\n')
  else process.stdout.write(asTable(rows, isMany))
}

const chosen = (known: readonly TopicAt[], topic: string | undefined): readonly TopicAt[] => {
  if (topic === undefined) return known
  const those = known.filter((at) => at.topic === topic)
  if (those.length > 0) return those
  const names = known.map((at) => at.topic)
  throw new Failure(`no broker knows the topic ${JSON.stringify(topic)}${didYouMean(topic, names)}`)
}

const rowsOf = ({ topic, broker, queues: owned }: TopicAt): Row[] =>
  owned.map((queue) => ({ topic, broker, ...queue }))

const asTable = (rows: readonly Row[], hasBrokers: boolean): string => {
  const heads = [
    ...['TOPIC', 'QUEUE', 'EPOCH', 'STATE', 'OWNER', 'IDC'],
    ...['WAITING', 'UNANSWERED', 'BYTES', 'WINDOW'],
  ]
  const cells = rows.map((row): Cell[] => [
    row.topic,
    row.queue,
    row.epoch,
    row.state,
    row.ownerName || '-',
    row.ownerIdc,
    row.waiting,
    row.unanswered,
    row.depthBytes,
    row.window,
  ])
  if (!hasBrokers) return table(heads, cells)
  return table(
    ['BROKER', ...heads],
    cells.map((row, i) => [rows[i]?.broker ?? '', ...row]),
  )
}
