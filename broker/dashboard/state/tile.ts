/** One thing on the wall: a requester's circuit for a topic, or a queue. */

import type { CircuitReport } from '../../../bus/report.ts'
import type { ClientPart } from '../../admin/api.ts'
import { type Health, healthOfFlow, type Shape, worse } from './health.ts'
import type { Flow } from './meter.ts'
import type { QueueRow } from './queue-row.ts'
import type { TileName, Trail } from './trail.ts'
import { ageText, shareText } from './words.ts'

export type TopicPart = ClientPart['topics'][number]

export interface Standing {
  /** Told in one or two words, such as `open` or `forced closed`. */
  word: string
  shape: Shape
  health: Health
  /** What is wrong besides, in half a sentence; empty if nothing is. */
  why: string
  /** Of a node that does not speak now. */
  isGrey: boolean
}

/** One instance behind a circuit's tile. */
export interface CircuitMember extends Standing {
  key: string
  client: ClientPart
  part: TopicPart
  flow: Flow
}

/** Its name is the requester's; a queue's is its number, owner and broker. */
export interface Tile extends Standing, TileName {
  flow: Flow
  /** Calls open now. */
  inFlight: number
  trail: Trail
  /** Of a circuit. */
  members: readonly CircuitMember[]
  /** Of a queue. */
  queue: QueueRow | null
}

const circuitWord = (circuit: CircuitReport): string =>
  circuit.forced === undefined ? circuit.state : `forced ${circuit.forced.to}`

const circuitShape = (circuit: CircuitReport): Shape => {
  if (circuit.forced !== undefined) return 'triangle'
  if (circuit.state === 'open') return 'square'
  return circuit.state === 'half-open' ? 'diamond' : 'circle'
}

/** How a client's circuit for a topic is. */
export const circuitStanding = (client: ClientPart, part: TopicPart, flow: Flow): Standing => {
  if (client.state !== 'up') {
    const why = `${ageText(client.ageMs)} ago`
    return { word: client.state, shape: 'ring', health: 'unknown', why, isGrey: true }
  }
  const { circuit } = part
  let health = healthOfFlow(flow)
  const why: string[] = []
  if (circuit.forced !== undefined) {
    health = worse(health, 'watch')
    why.push(circuit.forced.reason)
  } else if (circuit.state !== 'closed') {
    health = worse(health, circuit.state === 'open' ? 'sick' : 'watch')
  }
  const routes = isolationOf(part)
  if (routes.isolated > 0) {
    health = worse(health, routes.isolated === routes.all ? 'sick' : 'watch')
    why.push(`${routes.isolated} of ${routes.all} queues isolated`)
  }
  if (part.writable === 0) {
    health = worse(health, part.open > 0 || (flow.rate ?? 0) > 0 ? 'sick' : 'watch')
    why.push('no responder')
  }
  if (part.isAway) {
    health = worse(health, 'watch')
    why.push('answered in another IDC')
  }
  const told = { word: circuitWord(circuit), shape: circuitShape(circuit) }
  return { ...told, health, why: why.join(' · '), isGrey: false }
}

const isolationOf = ({ routes }: TopicPart): { isolated: number; all: number } => ({
  isolated: routes.filter(({ isolation }) => isolation === 'open' || isolation === 'half-open')
    .length,
  all: routes.length,
})

const isSteady = ({ health, isGrey }: Standing): boolean => health === 'well' && !isGrey

/** Of several instances of one name: the worst says how they are. */
export const groupStanding = (members: readonly Standing[]): Standing => {
  const alive = members.filter(({ isGrey }) => !isGrey)
  const of = alive.length > 0 ? alive : members
  const worst = of.reduce((a, b) => (worse(a.health, b.health) === a.health ? a : b))
  const silent = members.length - alive.length
  const alike = of.filter(({ word }) => word === worst.word).length
  const why = isSteady(worst)
    ? []
    : [
        members.length > 1 && alike < of.length
          ? `${alike} of ${of.length}: ${worst.why}`
          : worst.why,
      ]
  if (silent > 0 && alive.length > 0) why.push(`${silent} of ${members.length} silent`)
  return { ...worst, why: why.filter((text) => text !== '').join(' · ') }
}

const QUEUE_SHAPES: Readonly<Record<string, Shape>> = {
  writable: 'circle',
  transition: 'diamond',
  assigning: 'diamond',
  full: 'square',
  stalled: 'square',
}
const QUEUE_HEALTHS: Readonly<Record<string, Health>> = {
  writable: 'well',
  transition: 'watch',
  assigning: 'watch',
  full: 'sick',
  stalled: 'sick',
}
/** Of its watermark: from here on a queue is worth a look. */
const DEEP_SHARE = 0.7

export const queueStanding = (row: QueueRow): Standing => {
  if (row.isGrey) {
    const why = row.ageMs === null ? 'its broker is silent' : `not seen for ${ageText(row.ageMs)}`
    return { word: 'unknown', shape: 'ring', health: 'unknown', why, isGrey: true }
  }
  const { queue, depth, maxDepth } = row
  const why: string[] = []
  let health = worse(QUEUE_HEALTHS[queue.state] ?? 'watch', healthOfFlow(row.flow))
  if (queue.owner === '') {
    health = worse(health, 'watch')
    why.push('no owner')
  }
  if (maxDepth > 0 && depth >= maxDepth * DEEP_SHARE) {
    health = worse(health, 'watch')
    why.push(`${shareText(depth / maxDepth)} full`)
  }
  const told = { word: queue.state, shape: QUEUE_SHAPES[queue.state] ?? 'diamond' }
  return { ...told, health, why: why.join(' · '), isGrey: false }
}
