/** Brokers and registries that die, freeze, are stopped or cut off: callers do not feel it. */
import { brokerFrozen, brokerKilled } from '../../scenarios/bench/survival/brokers.ts'
import { brokerDrained } from '../../scenarios/bench/survival/drains.ts'
import {
  oneOfFourFrozen,
  registriesKilled,
  requesterCutBriefly,
  requesterCutLong,
} from '../../scenarios/bench/survival/links.ts'
import { survives } from '../support/survival.ts'

const load = { rate: 500, calmMs: 800, afterMs: 1_200 }

survives('a broker is killed under load: no error, and nothing runs twice', (town) =>
  brokerKilled(town, load),
)

survives('a broker is frozen for 1.5 s under load: no error, and nothing runs twice', (town) =>
  brokerFrozen(town, load),
)

survives('a broker is stopped in good order under load: no error', (town) =>
  brokerDrained(town, { rate: 500, calmMs: 600 }),
)

survives('one of four brokers is frozen for good: calls of one second hardly feel it', (town) =>
  oneOfFourFrozen(town, { rate: 200, calmMs: 1_000, frozenMs: 2_500 }),
)

survives('all registries are killed: running clients do not notice', (town) =>
  registriesKilled(town, { rate: 250, calmMs: 500, afterMs: 2_000 }),
)

survives('a requester is cut off for 300 ms while handlers work: its replies arrive', (town) =>
  requesterCutBriefly(town, { calls: 500 }),
)

survives(
  'a requester is cut off for long: calls end by their deadline, handlers are told',
  (town) => requesterCutLong(town, { calls: 200, cutMs: 1_400, timeoutMs: 1_000 }),
)
