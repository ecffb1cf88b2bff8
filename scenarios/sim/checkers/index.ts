/** Every checker there is; each is in a file of its own. */
import { answered } from './answered.ts'
import { askedOnce } from './asked-once.ts'
import { atMostOneStart } from './at-most-one-start.ts'
import { atRest } from './at-rest.ts'
import { bounds } from './bounds.ts'
import type { CheckerOf } from './checker.ts'
import { expiredWork } from './expired-work.ts'
import { homecoming } from './homecoming.ts'
import { lastRoute } from './last-route.ts'
import { leftAlone } from './left-alone.ts'
import { liveLinks } from './live-links.ts'
import { localFirst } from './local-first.ts'
import { lostInFact } from './lost-in-fact.ts'
import { notForgotten } from './not-forgotten.ts'
import { oneActive } from './one-active.ts'
import { oneOwner } from './one-owner.ts'
import { ownReply } from './own-reply.ts'
import { recovered } from './recovered.ts'
import { restored } from './restored.ts'
import { retryBudget } from './retry-budget.ts'
import { settlesOnce } from './settles-once.ts'
import { staleTokens } from './stale-tokens.ts'
import { standingWays } from './standing-ways.ts'
import { timeShrinks } from './time-shrinks.ts'
import { truth } from './truth.ts'

export const CHECKERS: readonly CheckerOf[] = [
  settlesOnce,
  atMostOneStart,
  truth,
  ownReply,
  oneOwner,
  staleTokens,
  expiredWork,
  timeShrinks,
  retryBudget,
  bounds,
  lastRoute,
  oneActive,
  localFirst,
  answered,
  notForgotten,
  lostInFact,
  standingWays,
  askedOnce,
  leftAlone,
  liveLinks,
  // Last: these let much time go by.
  restored,
  homecoming,
  atRest,
  recovered,
]
