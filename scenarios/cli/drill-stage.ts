/** What a drill is played on, and what its report says of the place and the time. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describeCommit, describeMachine } from '../bench/machine.ts'
import type { Setting } from '../drills/play.ts'
import type { Stage } from '../drills/stage.ts'
import type { AdminClient } from './admin-client.ts'
import type { DrillFlags } from './drill-ask.ts'
import { DrillOperator } from './drill-operator.ts'
import { UsageError } from './failure.ts'
import { readSettings } from './settings.ts'

export interface Theatre {
  setting(): Setting
  /** A stage is for one drill. */
  open(): Stage
}

/** Throws a UsageError when the options say two things at once, or one that cannot be. */
export const theatreOf = async (
  flags: DrillFlags,
  seed: number,
  version: string,
  admin: AdminClient | undefined,
): Promise<Theatre> => {
  const build = version + commitText()
  const target = targetOf(flags)
  if (flags.virtual === true) {
    if (target !== undefined) {
      throw new UsageError('--virtual plays in no cluster; leave out --attach and --registry')
    }
    const { virtualStage } = await import('../sim/stage.ts')
    const machine = `virtual time, seed ${seed}`
    const setting: Setting = { stage: 'virtual', startedAt: '', machine, version: build }
    return { setting: () => setting, open: () => virtualStage({ seed }) }
  }
  const { attachedStage, liveStage } = await import('../live/index.ts')
  const settingOf = (stage: Setting['stage']) => (): Setting => ({
    ...{ stage, startedAt: new Date().toISOString() },
    ...{ machine: machineText(), version: build },
  })
  if (target === undefined) return { setting: settingOf('live'), open: () => liveStage({ seed }) }
  const { tokenFile } = readSettings(flags)
  const more = flags.topic === undefined ? {} : { topic: flags.topic }
  const operator = admin === undefined ? undefined : new DrillOperator(admin)
  const open = (): Stage => attachedStage({ ...target, ...more, seed, tokenFile, operator })
  return { setting: settingOf('attached'), open }
}

const ATTACH_FORM = /^ws:\/\/[^\s/]+\/?$/

/** The cluster it is to be played in; only by options, never by what happens to be set. */
const targetOf = (flags: DrillFlags): { url: string[] } | { registry: string[] } | undefined => {
  const { attach, registry } = flags
  if (attach === undefined && registry === undefined) {
    const isTokenOfAdmin = flags.tokenFile === undefined || flags.admin !== undefined
    if (flags.topic === undefined && isTokenOfAdmin) return undefined
    throw new UsageError('--topic and --token-file are for a cluster of yours: --attach URL')
  }
  if (attach === undefined) return { registry: readSettings({ registry }, {}).registry! }
  if (registry !== undefined) {
    throw new UsageError('give --attach for brokers, or --registry for those who know them')
  }
  const url = attach.flatMap((text) => text.split(',')).map((text) => text.trim())
  const wrong = url.find((text) => !ATTACH_FORM.test(text))
  if (wrong === undefined) return { url }
  throw new UsageError(`--attach must be ws://host:port; got "${wrong}"`)
}

const machineText = (): string => {
  const { cpu, cores, memoryMiB, node, system, load } = describeMachine()
  const gib = (memoryMiB / 1_024).toFixed(1)
  return `${cpu}, ${cores} cores, ${gib} GiB, ${system}, Node ${node}, load ${load.toFixed(1)} at the start`
}

/** Of a checkout; an installed package lies in somebody else's repository. */
const commitText = (): string => {
  const root = dirname(createRequire(import.meta.url).resolve('finbus/package.json'))
  const commit = existsSync(join(root, '.git')) ? describeCommit() : null
  if (commit === null) return ''
  return ` at ${commit.id.slice(0, 12)}${commit.changed ? ', with changes' : ''}`
}
