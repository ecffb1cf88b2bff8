/** What callers feel when responders, brokers and whole data centres fail: each case, its reach, the verdict. */
import type { Run } from './run.ts'
import { CASES } from './survival/cases.ts'
import { type Figure, isReached, reachShown, shown } from './survival/figures.ts'
import { Town } from './survival/town.ts'
import { markdown } from './table.ts'

export interface SurvivalRow extends Figure {
  case: string
}

export async function measureSurvival(run: Run): Promise<SurvivalRow[]> {
  const rows: SurvivalRow[] = []
  if (!run.settings.only.includes('survival')) return rows
  const wanted = CASES.filter(({ name }) => name.includes(run.settings.match))
  for (const { name, run: tell } of wanted) {
    await run.section(name, async () => {
      const town = new Town(run.crew)
      try {
        const figures = await tell(town)
        for (const figure of figures) rows.push({ case: name, ...figure })
        const missed = figures.filter((figure) => !isReached(figure))
        const told = missed.map((figure) => `${figure.what} ${shown(figure)}`)
        run.log(`${name}: ${missed.length === 0 ? 'reached' : `missed: ${told.join('; ')}`}`)
      } finally {
        await town.end()
      }
    })
  }
  return rows
}

export function survivalTable(rows: readonly SurvivalRow[]): string {
  const cells = rows.map((row, index) => [
    row.case === rows[index - 1]?.case ? '' : row.case,
    row.what,
    shown(row),
    reachShown(row),
    row.most === undefined ? '' : isReached(row) ? 'yes' : '**no**',
    row.value > 0 ? row.note : '',
  ])
  const head = ['case', 'figure', 'value', 'reach', 'reached', 'note']
  return ['## Survival\n', markdown(head, cells, 2)].join('\n')
}
