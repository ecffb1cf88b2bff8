/** Stories on real processes that tell a case of `npm run bench -- --only survival`, in small. */
import assert from 'node:assert/strict'
import {
  type Figure,
  isReached,
  reachShown,
  shown,
} from '../../scenarios/bench/survival/figures.ts'
import { Town } from '../../scenarios/bench/survival/town.ts'
import { Crew } from '../../scenarios/live/processes.ts'
import { story } from './world.ts'

/** A machine that others use may be so much slower; what must be none must be none on any. */
const ROOM = 2
const ROOM_MS = 250

export const survives = (
  name: string,
  run: (town: Town) => Promise<Figure[]>,
  timeout = 30_000,
): void =>
  story(
    name,
    async (world) => {
      const town = new Town(new Crew())
      world.later(() => town.end())
      const figures = await run(town)
      for (const figure of figures) world.say(sentence(figure))
      const missed = figures.filter((figure) => !isReached(roomy(figure))).map(sentence)
      assert.deepEqual(missed, [])
    },
    timeout,
  )

const roomy = (figure: Figure): Figure => {
  if (figure.most === undefined) return figure
  return { ...figure, most: figure.most * ROOM + (figure.unit === 'ms' ? ROOM_MS : 0) }
}

const sentence = (figure: Figure): string => {
  const reach = figure.most === undefined ? '' : ` (reach ${reachShown(figure)})`
  return `${figure.what}: ${shown(figure)}${reach}${figure.value > 0 ? ` ${figure.note}` : ''}`
}
