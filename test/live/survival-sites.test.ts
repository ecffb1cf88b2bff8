/** Data centres that die, freeze, are cut off and come back. */
import {
  handlersFrozen,
  handlersKilled,
  siteFrozen,
  siteKilled,
  siteReturns,
  sitesCutApart,
} from '../../scenarios/bench/survival/sites.ts'
import { survives } from '../support/survival.ts'

const hurt = { size: 1, rate: 250, calmMs: 600, afterMs: 2_000 }

survives('a data centre is killed: the other one answers at once', (town) =>
  siteKilled(town, { ...hurt, size: 2 }),
)

survives('a data centre is frozen: the other one answers soon', (town) =>
  siteFrozen(town, { ...hurt, afterMs: 3_000 }),
)

survives('all handlers of a data centre are killed: those elsewhere answer', (town) =>
  handlersKilled(town, hurt),
)

survives('all handlers of a data centre are frozen: those elsewhere answer', (town) =>
  handlersFrozen(town, { ...hurt, afterMs: 3_000 }),
)

survives(
  'a data centre comes back: calls are local again in ten seconds, without an error',
  (town) => siteReturns(town, { size: 1, rate: 200, calmMs: 500, goneMs: 500, backMs: 8_500 }),
)

survives('the way between two data centres swallows everything: neither feels it', (town) =>
  sitesCutApart(town, { ...hurt, rate: 100, cutMs: 3_000, afterMs: 1_000 }),
)
