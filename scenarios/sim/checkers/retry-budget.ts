import type { Scene } from '../scene.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'

const NAME = 'retries within budget'
const MAX_RETRIES = 2
const MAX_MOVES = 8
const MAX_LOST_PEERS = 2

/**
 * No call is sent more often than was promised. Tokens are asked for only while no queue is known to
 * take requests, which cannot be seen from outside; what multiplies load is bounded here.
 */
export const retryBudget = (scene: Scene): Checker => ({
  name: NAME,
  onSettled(asked) {
    const { future } = asked.call
    if (future === undefined) return
    const { retries, moves, lostPeers } = future
    const isOver = retries > MAX_RETRIES || moves > MAX_MOVES || lostPeers > MAX_LOST_PEERS
    if (!isOver) return
    const counts = `${retries} retries, ${moves} moves, ${lostPeers} responders lost`
    throw new Violation(NAME, `${counts}: ${describe(scene, asked)}`)
  },
})
