/** Every case at full size. */
import { brokerFrozen, brokerKilled } from './brokers.ts'
import {
  brokerDrained,
  requesterFrozen,
  requesterStalled,
  responderDrained,
  responderStalled,
} from './drains.ts'
import type { Figure } from './figures.ts'
import {
  oneOfFourFrozen,
  registriesKilled,
  requesterCutBriefly,
  requesterCutLong,
} from './links.ts'
import {
  circuitOpens,
  oneRefuses,
  ownerFrozen,
  responderFrozen,
  responderKilled,
  responderSlow,
} from './responders.ts'
import { rollingRestart, twoSixTwo } from './scaling.ts'
import {
  handlersFrozen,
  handlersKilled,
  siteFrozen,
  siteKilled,
  siteReturns,
  sitesCutApart,
} from './sites.ts'
import type { Town } from './town.ts'

export interface Case {
  name: string
  run: (town: Town) => Promise<Figure[]>
}

const site = { size: 2, rate: 500, calmMs: 2_000, afterMs: 6_000 }
const slow = { calls: 4_000, slowMs: 2_000, timeoutMs: 1_000, concurrency: 64 }
const drained = { rate: 500, calmMs: 2_000 }
const stalled = { rate: 200, stallMs: 2_000 }
const broker = { rate: 1_000, calmMs: 2_000, afterMs: 4_000 }

export const CASES: readonly Case[] = [
  { name: 'responder killed holding 100 calls', run: responderKilled },
  {
    name: 'responder frozen, others healthy',
    run: (town) =>
      responderFrozen(town, { rate: 500, calmMs: 2_000, frozenMs: 6_000, afterMs: 4_000 }),
  },
  {
    name: '1 of 2 responders slow, 4,000 calls at once',
    run: (town) => responderSlow(town, { ...slow, met: 'quick' }),
  },
  {
    name: 'the same, when only the slow one was met before',
    run: (town) => responderSlow(town, { ...slow, met: 'slow' }),
  },
  {
    name: '1 of 4 queues refuses fast',
    run: (town) => oneRefuses(town, { rate: 500, warmMs: 1_000, forMs: 10_000 }),
  },
  { name: 'broker killed under 1,000 calls/s', run: (town) => brokerKilled(town, broker) },
  { name: 'broker frozen 1.5 s under 1,000 calls/s', run: (town) => brokerFrozen(town, broker) },
  { name: 'whole IDC killed', run: (town) => siteKilled(town, site) },
  { name: 'whole IDC frozen', run: (town) => siteFrozen(town, site) },
  { name: 'all handlers of an IDC killed', run: (town) => handlersKilled(town, site) },
  { name: 'all handlers of an IDC frozen', run: (town) => handlersFrozen(town, site) },
  {
    name: 'IDC comes back',
    run: (town) =>
      siteReturns(town, { size: 2, rate: 500, calmMs: 2_000, goneMs: 3_000, backMs: 10_000 }),
  },
  {
    name: 'IDCs cut apart for 20 s',
    run: (town) => sitesCutApart(town, { ...site, rate: 250, cutMs: 20_000 }),
  },
  { name: '2, 6, 2 responders', run: (town) => twoSixTwo(town, { rate: 500, stayMs: 4_000 }) },
  {
    name: 'ten responders restarted one after the other',
    run: (town) => rollingRestart(town, { responders: 10, rate: 500, everyMs: 3_000 }),
  },
  {
    name: 'all registries down',
    run: (town) => registriesKilled(town, { rate: 500, calmMs: 2_000, afterMs: 10_000 }),
  },
  { name: 'responder stopped (SIGTERM)', run: (town) => responderDrained(town, drained) },
  { name: 'broker stopped (SIGTERM)', run: (town) => brokerDrained(town, drained) },
  { name: 'requester stalls 2 s', run: (town) => requesterStalled(town, stalled) },
  {
    name: 'requester frozen 5 s',
    run: (town) => requesterFrozen(town, { rate: 200, stallMs: 5_000 }),
  },
  { name: 'responder stalls 2 s', run: (town) => responderStalled(town, stalled) },
  { name: 'requester cut off 300 ms', run: (town) => requesterCutBriefly(town, { calls: 500 }) },
  {
    name: 'requester cut off 5 s',
    run: (town) => requesterCutLong(town, { calls: 500, cutMs: 5_000, timeoutMs: 2_000 }),
  },
  {
    name: '1 of 4 brokers frozen for good',
    run: (town) => oneOfFourFrozen(town, { rate: 200, calmMs: 4_000, frozenMs: 20_000 }),
  },
  { name: 'circuit', run: (town) => circuitOpens(town, { business: 1_000 }) },
  {
    name: 'owner frozen 10 s',
    run: (town) => ownerFrozen(town, { rate: 200, frozenMs: 10_000, afterMs: 3_000 }),
  },
]
