/** `npm run simulate`: walks seeds over all cores, and tells what was seen and what was violated. */
import { drawPlan } from './draw.ts'
import { walkAll } from './fleet.ts'
import { keepPlan } from './kept.ts'
import { parseSettings, type Settings, USAGE, UsageError } from './options.ts'
import { planText } from './plan.ts'
import { PLANTS } from './plants/index.ts'
import { plantTable } from './plants/table.ts'
import { playPlan } from './play.ts'
import { shrinkFailing, type Tally } from './run.ts'
import { unseenOf } from './sometimes.ts'
import { SOMETIMES } from './sometimes-list.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Histories after which everything that must sometimes happen must have happened. */
const ENOUGH = 2_000

async function main(args: string[]): Promise<number> {
  const settings = parseSettings(
    args,
    PLANTS.map(({ name }) => name),
  )
  if (settings.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (settings.plants.length > 0) return plantTable(settings, say)
  return settings.seed === undefined ? walk(settings) : tell(settings.seed)
}

/** One seed in full. */
function tell(seed: number): number {
  const plan = drawPlan(seed)
  const { violation, digest, events } = playPlan(plan)
  say(planText(plan))
  say(`${events} events, digest ${digest}`)
  if (violation !== undefined) say(`VIOLATED ${violation.checker}: ${violation.message}`)
  return violation === undefined ? 0 : 1
}

async function walk(settings: Settings): Promise<number> {
  const { from, seeds: count, jobs } = settings
  const since = performance.now()
  let toldAt = since
  const tally = await walkAll({
    ...{ from, count, jobs },
    onProgress: ({ histories, failures }) => {
      if (performance.now() - toldAt < 5_000) return
      toldAt = performance.now()
      say(`${histories} of ${count} histories, ${failures.length} violations`)
    },
  })
  const seconds = (performance.now() - since) / 1_000
  say(
    `${tally.histories} histories, ${tally.events.toLocaleString('en-US')} events in ${seconds.toFixed(1)} s ` +
      `over ${jobs} processes: ${Math.round(tally.histories / seconds)} histories/s`,
  )
  return judge(tally, settings)
}

function judge(tally: Tally, { keep }: Settings): number {
  const unseen = unseenOf(tally.seen)
  say(`${SOMETIMES.length - unseen.length} of ${SOMETIMES.length} things seen that must be`)
  const isMissed = unseen.length > 0 && tally.histories >= ENOUGH
  for (const name of unseen) say(`${isMissed ? 'NEVER SEEN' : 'not seen yet'}: ${name}`)
  for (const seed of tally.unlike) say(`VIOLATED: seed ${seed} gave two different histories`)
  say(`${tally.failures.length} violations`)
  const told = new Set<string>()
  for (const { seed, checker, message } of tally.failures) {
    say(`\nVIOLATED ${checker}, seed ${seed}: ${message}`)
    if (told.has(checker)) continue
    told.add(checker)
    const plan = shrinkFailing(drawPlan(seed), checker)
    say(`the smallest plan found that violates it:\n${planText(plan)}`)
    if (!keep) continue
    const name = `seed-${seed}`
    say(`kept as ${keepPlan({ name, story: `${checker}: ${message}`, plant: '', plan })}`)
  }
  const isBad = tally.failures.length > 0 || tally.unlike.length > 0 || isMissed
  return isBad ? 1 : 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n(--help lists the options)\n`)
  process.exitCode = 2
}
