/** `npm run bench`: measures finbus itself. The side-by-side run against others is adapter.mjs. */
import { realpathSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { growthTable, measureGrowth } from './growth.ts'
import { type Commit, describeCommit, describeMachine, type Machine } from './machine.ts'
import { measureMemory, memoryTable } from './memory.ts'
import { parseSettings, USAGE, UsageError } from './options.ts'
import { type Note, Run } from './run.ts'
import { measureShapes, shapeTable } from './shapes.ts'
import { measureSurvival, survivalTable } from './survival.ts'
import { markdown } from './table.ts'
import { hasProc } from './usage.ts'
import { measureWatched, watchedTable } from './watched.ts'

/** Runs the benchmark; returns the exit code: 0 done, 1 a part failed, 2 usage, 130 interrupted. */
export async function runBench(args: string[]): Promise<number> {
  try {
    const settings = parseSettings(args)
    if (settings.help) {
      process.stdout.write(USAGE)
      return 0
    }
    return await perform(new Run(settings, (line) => process.stderr.write(`${line}\n`)))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`finbus bench: ${error.message}\n`)
    return 2
  }
}

async function perform(run: Run): Promise<number> {
  const interrupt = (): void => run.crew.interrupt()
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    const machine = describeMachine()
    const commit = describeCommit()
    if (!hasProc) run.skip('CPU columns', 'this system has no /proc to read them from')
    if (run.settings.quick) run.skip('rows of 100 and 10,000', '--quick was given')

    const shapes = await measureShapes(run)
    const growth = await measureGrowth(run)
    const memory = await measureMemory(run)
    const watched = await measureWatched(run)
    const survival = await measureSurvival(run)

    const parts = [heading(machine, commit, run)]
    if (shapes.length > 0) parts.push(shapeTable(shapes))
    if (growth.length > 0) parts.push(growthTable(growth))
    if (memory.length > 0) parts.push(memoryTable(memory))
    if (watched !== null) parts.push(watchedTable(watched))
    if (survival.length > 0) parts.push(survivalTable(survival))
    parts.push(...notes(run))
    process.stdout.write(`${parts.join('\n\n')}\n`)

    if (run.settings.json !== null) {
      const { settings, skipped, problems, seconds } = run
      const at = new Date().toISOString()
      const all = {
        at,
        commit,
        machine,
        settings,
        seconds,
        shapes,
        growth,
        memory,
        watched,
        survival,
      }
      writeFileSync(
        run.settings.json,
        `${JSON.stringify({ ...all, skipped, problems }, null, 1)}\n`,
      )
    }
    if (run.crew.interrupted) return 130
    return run.failed ? 1 : 0
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    await run.crew.stop()
  }
}

function heading(machine: Machine, commit: Commit | null, run: Run): string {
  const version = commit ? `${commit.id.slice(0, 10)}${commit.changed ? ' with changes' : ''}` : '–'
  return [
    '# finbus bench\n',
    `${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(1)} at the start;`,
    `Node ${machine.node}, ${machine.system}; commit ${version}; windows of`,
    `${run.settings.seconds} s; ${run.seconds.toFixed(0)} s in all.`,
  ].join('\n')
}

function notes(run: Run): string[] {
  return [noteTable('Left out', run.skipped), noteTable('Problems', run.problems)].flat()
}

function noteTable(title: string, notes: readonly Note[]): string[] {
  if (notes.length === 0) return []
  const rows = notes.map(({ what, why }) => [what, why])
  return [`## ${title}\n\n${markdown(['what', 'why'], rows, 2)}`]
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  process.exitCode = await runBench(process.argv.slice(2))
}
