/** Which planted bugs are caught, by which checker, and after how many histories. */
import { walkAll } from '../fleet.ts'
import { keepPlan } from '../kept.ts'
import type { Settings } from '../options.ts'
import { Worker } from '../worker.ts'
import { PLANTS } from './index.ts'

/** A bug that so many histories do not catch is missed. */
const MOST_SEEDS = 5_000

/** Looks for each of the planted bugs, and prints a row for each. Returns the exit code. */
export async function plantTable(
  { plants, jobs, from, keep }: Settings,
  say: (line: string) => void,
): Promise<number> {
  let missed = 0
  say('| planted bug | what is taken away | caught by | histories |')
  say('|---|---|---|---|')
  for (const { name, what } of PLANTS) {
    if (!plants.includes(name)) continue
    const walk = { from, count: MOST_SEEDS, jobs, stopAtFailure: true, plant: name }
    const { failures } = await walkAll(walk)
    const [first] = failures
    if (first === undefined) missed += 1
    const caught = first === undefined ? '**missed**' : first.checker
    const histories = first === undefined ? `> ${MOST_SEEDS}` : `${first.seed - from + 1}`
    say(`| ${name} | ${what} | ${caught} | ${histories} |`)
    if (keep && first !== undefined) await keepShrunk(name, first)
  }
  say(missed === 0 ? '\nevery planted bug was caught' : `\n${missed} planted bugs were missed`)
  return missed === 0 ? 0 : 1
}

const keepShrunk = async (
  plant: string,
  { seed, checker, message }: { seed: number; checker: string; message: string },
): Promise<void> => {
  const worker = new Worker(plant)
  try {
    const plan = await worker.shrink(seed)
    keepPlan({ name: plant, story: `${checker}: ${message}`, plant, plan })
  } finally {
    worker.end()
  }
}
