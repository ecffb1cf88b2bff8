/** `finbus drill`: failures on purpose, judged by what callers were told and what was done. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Drill, DrillError } from '../drills/drill.ts'
import { playDrill } from '../drills/play.ts'
import { READY } from '../drills/ready/index.ts'
import { htmlOf, jsonOf, markdownOf, openProgress, verdictText } from '../drills/render/index.ts'
import type { DrillReport } from '../drills/report.ts'
import { type AdminClient, adminOf } from './admin-client.ts'
import { askOf, type DrillAsk, type DrillFlags } from './drill-ask.ts'
import { DrillMarks } from './drill-marks.ts'
import { type Theatre, theatreOf } from './drill-stage.ts'
import { EXIT_FAILED, EXIT_INTERRUPTED, Failure, messageOf, UsageError } from './failure.ts'
import { readSettings } from './settings.ts'
import { withSignal } from './signals.ts'
import { table } from './table.ts'

export const drill = async (
  names: readonly string[],
  flags: DrillFlags,
  version: string,
): Promise<void> => {
  const isJson = flags.json === true
  const ask = await askOf(names, flags)
  if (ask === undefined) {
    process.stdout.write(isJson ? listJson() : listText())
    return
  }
  const isColoured = process.stdout.isTTY === true && !process.env.NO_COLOR
  const admin = adminNamedBy(flags)
  try {
    const theatre = await theatreOf(flags, ask.seed, version, admin)
    await playAll(ask, { theatre, admin, isJson, isColoured })
  } finally {
    admin?.close()
  }
}

/** By an option alone: nobody's dashboard is to show a drill because of what happens to be set. */
const adminNamedBy = (flags: DrillFlags): AdminClient | undefined => {
  if (flags.admin === undefined) return undefined
  if (flags.virtual === true) {
    throw new UsageError('--virtual plays in no cluster; leave out --admin')
  }
  return adminOf(readSettings(flags))
}

interface Hall {
  theatre: Theatre
  admin: AdminClient | undefined
  isJson: boolean
  isColoured: boolean
}

const playAll = (ask: DrillAsk, hall: Hall): Promise<void> =>
  withSignal(async (signalled) => {
    const { isJson, isColoured } = hall
    const stop = new AbortController()
    void signalled.then(() => stop.abort())
    const reports: DrillReport[] = []
    for (const one of ask.drills) {
      const report = await play(one, hall, stop.signal)
      writeReports(report, ask)
      reports.push(report)
      if (!isJson) process.stdout.write(verdictText(report, ask.folder, { isColoured }))
      if (report.verdict === 'interrupted') break
    }
    if (isJson) process.stdout.write(reportsJson(reports, ask))
    else if (ask.drills.length > 1) process.stdout.write(sumText(reports))
    process.exitCode = exitCodeOf(reports)
  })

const play = async (
  drill: Drill,
  { theatre: { open, setting }, admin, isJson }: Hall,
  signal: AbortSignal,
): Promise<DrillReport> => {
  const progress = isJson ? undefined : openProgress(process.stderr)
  const marks = admin === undefined ? undefined : new DrillMarks(drill.name, admin, warn)
  try {
    return await playDrill(drill, open(), {
      setting: setting(),
      signal,
      onEvent: (event) => {
        progress?.tell(event)
        marks?.tell(event)
      },
    })
  } catch (error) {
    if (error instanceof DrillError) throw new UsageError(`drill ${drill.name}: ${error.message}`)
    throw new Failure(`drill ${drill.name} could not be played: ${messageOf(error)}`, {
      cause: error,
    })
  } finally {
    progress?.end()
    await marks?.end()
  }
}

const warn = (text: string): void => {
  process.stderr.write(`warning: ${text}\n`)
}

const writeReports = (report: DrillReport, { folder }: DrillAsk): void => {
  if (folder === undefined) return
  const forms = { md: markdownOf, json: jsonOf, html: htmlOf }
  for (const [ending, formOf] of Object.entries(forms)) {
    writeFileSync(join(folder, `${report.drill}.${ending}`), formOf(report))
  }
}

/** One report, or a list of them if several drills were asked for. */
const reportsJson = (reports: readonly DrillReport[], { drills }: DrillAsk): string => {
  const texts = reports.map((report) => jsonOf(report).trimEnd())
  return drills.length === 1 ? `${texts[0]}\n` : `[\n${texts.join(',\n')}\n]\n`
}

const sumText = (reports: readonly DrillReport[]): string => {
  const rows = reports.map((report) => [
    ...[report.drill, report.verdict, `${(report.durationMs / 1_000).toFixed(1)} s`],
  ])
  return `\n${table(['DRILL', 'VERDICT', 'TOOK'], rows)}`
}

const exitCodeOf = (reports: readonly DrillReport[]): number => {
  const verdicts = reports.map(({ verdict }) => verdict)
  if (verdicts.includes('interrupted')) return EXIT_INTERRUPTED
  return verdicts.includes('missed') ? EXIT_FAILED : 0
}

const lastsMs = ({ steps }: Drill): number => steps.reduce((sum, { forMs }) => sum + forMs, 0)

const listText = (): string => {
  const rows = READY.map((one) => [one.name, `${lastsMs(one) / 1_000} s`, firstSentence(one.about)])
  return [
    table(['DRILL', 'LASTS', 'WHAT IS SHOWN'], rows),
    'finbus drill NAME plays one on processes of its own, and ends them; --virtual in virtual time.',
    'finbus drill --all --report DIR plays all of them, and writes what came of it.',
    '',
  ].join('\n')
}

const listJson = (): string => {
  const drills = READY.map((one) => ({ name: one.name, lastsMs: lastsMs(one), about: one.about }))
  return `${JSON.stringify({ drills })}\n`
}

const firstSentence = (text: string): string => /^.*?\.(?= |$)/.exec(text)?.[0] ?? text
