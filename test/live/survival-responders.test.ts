/** Responders that die, freeze, are slow or refuse: their callers find the others. */
import {
  circuitOpens,
  oneRefuses,
  ownerFrozen,
  responderFrozen,
  responderKilled,
  responderSlow,
} from '../../scenarios/bench/survival/responders.ts'
import { survives } from '../support/survival.ts'

/** Times in which even a machine that is shared can do so many calls. */
const slow = { calls: 400, slowMs: 3_000, timeoutMs: 2_000, concurrency: 5 }

survives(
  'a responder is killed holding 100 calls: idempotent ones are answered, the others told',
  responderKilled,
)

survives('a responder is frozen: its queue is left alone, and used again when it wakes', (town) =>
  responderFrozen(town, { rate: 250, calmMs: 500, frozenMs: 2_500, afterMs: 500 }),
)

survives('one of two responders is slow: hardly a call fails for it, and then none', (town) =>
  responderSlow(town, { ...slow, met: 'quick' }),
)

survives('the same for a caller who has only met the slow one', (town) =>
  responderSlow(town, { ...slow, met: 'slow' }),
)

survives(
  'one of four refuses all that comes: nobody sees an error, and it gets next to none',
  (town) => oneRefuses(town, { rate: 500, warmMs: 800, forMs: 1_500 }),
)

survives('the only owner is frozen: another owns its queue, and it comes back as nobody', (town) =>
  ownerFrozen(town, { rate: 100, frozenMs: 2_500, afterMs: 1_000 }),
)

survives('handlers begin to fail: the circuit opens, tries after two seconds, and closes', (town) =>
  circuitOpens(town, { business: 200 }),
)
