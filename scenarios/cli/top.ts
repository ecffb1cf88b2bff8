/** `finbus top`: the whole cluster, drawn anew each second; or once, as a table. */
import { setTimeout as pause } from 'node:timers/promises'
import type { ClusterSnapshot } from '../../broker/index.ts'
import { rendered } from '../drills/render/terminal.ts'
import { adminOf } from './admin-client.ts'
import { SNAPSHOT } from './admin-shapes.ts'
import type { ClientFlags } from './client.ts'
import { readSettings } from './settings.ts'
import { withSignal } from './signals.ts'
import { Terminal } from './top-terminal.ts'
import { tableLines } from './top-view.ts'
import { TopWatch } from './top-watch.ts'

export interface TopFlags extends ClientFlags {
  once?: boolean
}

type Ask = () => Promise<ClusterSnapshot>

const EVERY_MS = 1_000
/** A line of a file has no width; this only keeps it a line. */
const MOST_COLUMNS = 1_000

export const top = async (flags: TopFlags): Promise<void> => {
  const admin = adminOf(readSettings(flags))
  const ask: Ask = () => admin.get('/v1/snapshot', SNAPSHOT)
  try {
    const isLive = process.stdout.isTTY && process.stdin.isTTY && process.env.TERM !== 'dumb'
    if (flags.json === true) process.stdout.write(`${JSON.stringify(await ask())}\n`)
    else if (flags.once === true || !isLive) await printOnce(ask)
    else await watch(ask)
  } finally {
    admin.close()
  }
}

/** Two looks, for rates are differences. */
const printOnce = async (ask: Ask): Promise<void> => {
  const earlier = await ask()
  await pause(EVERY_MS)
  const lines = tableLines(await ask(), earlier)
  const text = lines.map((line) => rendered(line, MOST_COLUMNS, false).trimEnd())
  process.stdout.write(`${text.join('\n')}\n`)
}

const watch = (ask: Ask): Promise<void> =>
  withSignal(async (signalled) => {
    const isColoured = (process.env.NO_COLOR ?? '') === ''
    const terminal = new Terminal(process.stdout, process.stdin, isColoured)
    const giveBack = (): void => terminal.giveBack()
    const stop = new AbortController()
    const end = (): void => stop.abort()
    void signalled.then(end)
    // Whatever ends this process, and before it says why.
    process.on('exit', giveBack)
    process.prependListener('uncaughtException', giveBack)
    process.on('SIGHUP', end)
    try {
      await new TopWatch({ terminal, ask, everyMs: EVERY_MS }).run(stop.signal)
    } finally {
      process.off('SIGHUP', end)
      process.off('uncaughtException', giveBack)
      process.off('exit', giveBack)
    }
  })
