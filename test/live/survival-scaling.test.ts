/** Responders that come, go, are restarted or stand still while calls go on. */
import {
  requesterFrozen,
  requesterStalled,
  responderDrained,
  responderStalled,
} from '../../scenarios/bench/survival/drains.ts'
import { rollingRestart, twoSixTwo } from '../../scenarios/bench/survival/scaling.ts'
import { survives } from '../support/survival.ts'

survives('two responders become six and two again: queues follow, no call fails', (town) =>
  twoSixTwo(town, { rate: 500, stayMs: 1_500 }),
)

survives('responders are restarted one after the other: no call fails, no queue moves', (town) =>
  rollingRestart(town, { responders: 3, rate: 250, everyMs: 300 }),
)

survives('a responder is stopped in good order under load: no error', (town) =>
  responderDrained(town, { rate: 500, calmMs: 600 }),
)

survives('a requester stands still for a while: what it was sent meanwhile is not late', (town) =>
  requesterStalled(town, { rate: 200, stallMs: 1_600 }),
)

survives('a requester is frozen until its broker hangs up: it finds its calls again', (town) =>
  requesterFrozen(town, { rate: 200, stallMs: 1_600 }),
)

survives('a responder stands still for a while: no call of its is late for it', (town) =>
  responderStalled(town, { rate: 100, stallMs: 1_600 }),
)
