/** Plans that failed once: each is a file, and is played again in every test run, for ever. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plan } from './plan.ts'

/** With the sources, whether this runs from sources or compiled. */
const ROOT = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? './kept/' : '../../../scenarios/sim/kept/',
    import.meta.url,
  ),
)

export interface Kept {
  readonly name: string
  /** What was wrong, and what was done about it. */
  readonly story: string
  /** The planted bug that it finds; empty for a bug that was there. */
  readonly plant: string
  readonly plan: Plan
}

/** Every plan that was kept, by name. */
export function keptPlans(): Kept[] {
  if (!existsSync(ROOT)) return []
  const files = readdirSync(ROOT).filter((file) => file.endsWith('.json'))
  return files.sort().map((file) => JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as Kept)
}

/** Keeps a plan. Returns the file. */
export function keepPlan(kept: Kept): string {
  mkdirSync(ROOT, { recursive: true })
  const file = join(ROOT, `${kept.name}.json`)
  writeFileSync(file, `${JSON.stringify(kept, undefined, 1)}\n`)
  return file
}
