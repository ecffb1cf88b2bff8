/** Does what an operator wants done, and tells what came of it. */
import type { ActionReport, ClusterSnapshot } from '../../broker/index.ts'
import type { Action, Words } from './actions.ts'
import { type AdminClient, adminOf } from './admin-client.ts'
import { meant } from './admin-names.ts'
import { ACTION_REPORT, SNAPSHOT } from './admin-shapes.ts'
import type { ClientFlags } from './client.ts'
import { printable } from './failure.ts'
import { readSettings } from './settings.ts'

/** Longer states are for `--json`. */
const MOST_STATE = 400

export const act = async (action: Action, words: Words, flags: ClientFlags): Promise<void> => {
  // What does not make sense is said before anybody is asked.
  action.order(words)
  const admin = adminOf(readSettings(flags))
  try {
    const order = action.order(await resolved(action, words, admin))
    const report = await admin.act(order, ACTION_REPORT)
    process.stdout.write(
      flags.json ? `${JSON.stringify({ ok: true, ...report })}\n` : reportText(report),
    )
    if (flags.json || report.silent.length === 0) return
    process.stderr.write(silentText(report))
  } finally {
    admin.close()
  }
}

/** The same words, with each name that was typed put as the API knows it. */
const resolved = async (action: Action, words: Words, admin: AdminClient): Promise<Words> => {
  const named = [...action.args, ...action.options]
    .map(({ key, kind }) => ({ key, kind, word: words[key] }))
    .flatMap(({ key, kind, word }) =>
      kind === undefined || typeof word !== 'string' ? [] : [{ key, kind, word }],
    )
  const snapshot: ClusterSnapshot = await admin.get('/v1/snapshot', SNAPSHOT)
  const found = named.map(({ key, kind, word }) => [key, meant(kind, word, snapshot)] as const)
  return { ...words, ...Object.fromEntries(found) }
}

const reportText = (report: ActionReport): string => {
  const { action, target, brokers, clients, circuits, queues, before, after } = report
  const doers = [counted(brokers, 'broker'), counted(clients, 'client')]
  const what = [counted(circuits, 'circuit'), counted(queues, 'queue')]
  const by = doers.filter((text) => text !== '').join(' and ') || 'nobody'
  const changed = what.filter((text) => text !== '').join(', ')
  const lines = [
    `${printable(action)} ${printable(target)}: done by ${by}${changed === '' ? '' : `; ${changed}`}`,
  ]
  if (before !== null && before !== undefined) lines.push(`  before: ${stateText(before)}`)
  if (after !== null && after !== undefined) lines.push(`  now:    ${stateText(after)}`)
  return `${lines.join('\n')}\n`
}

const stateText = (state: unknown): string => {
  const text = printable(JSON.stringify(state))
  return text.length <= MOST_STATE ? text : `${text.slice(0, MOST_STATE)}… (--json has it all)`
}

const counted = (count: number, noun: string): string =>
  count === 0 ? '' : `${count} ${noun}${count === 1 ? '' : 's'}`

const silentText = ({ silent }: ActionReport): string =>
  [
    'warning: not all did it; these gave no answer, and do it once they are linked again:',
    ...silent.map(({ node, why }) => `  ${printable(node)}: ${printable(why)}`),
    '',
  ].join('\n')
