import { EVERY_TOPIC, type ForceOrder, MAX_WORDS } from '../../bus/order.ts'
import type { Steering } from '../steering.ts'
import type { ActionReport, StandingForce } from './api.ts'
import type { Caller } from './auth.ts'
import type { Cluster } from './cluster.ts'
import { covers, type Forces, type ForceTarget, forceId, meets } from './forces.ts'
import type { Orders } from './orders.ts'
import type { Passing } from './passing.ts'
import { AdminRefusal } from './refusal.ts'
import { SilentNodes } from './silent.ts'

/** A peer that has to forget a word is waited for so long. */
const FORGET_MS = 3_000

/** What an operator wants of circuits, or of queues. */
export interface ForceWish {
  readonly action: string
  readonly target: ForceTarget
  readonly to: ForceOrder['to']
  readonly forMs: number
  readonly reason: string
  /** Also against another operator's word. */
  readonly replace: boolean
  /** How another broker is asked to forget such a word. */
  readonly path: string
  readonly body: object
}

/** Says operators' words to all clients, and keeps two operators from talking past each other. */
export class Forcing {
  readonly #steering: Steering
  readonly #forces: Forces
  readonly #orders: Orders
  readonly #cluster: Cluster
  readonly #passing: Passing

  constructor(
    steering: Steering,
    forces: Forces,
    orders: Orders,
    cluster: Cluster,
    passing: Passing,
  ) {
    this.#steering = steering
    this.#forces = forces
    this.#orders = orders
    this.#cluster = cluster
    this.#passing = passing
  }

  async force(wish: ForceWish, caller: Caller, isPassedOn: boolean): Promise<ActionReport> {
    const { target } = wish
    if (isPassedOn) return this.#forget(wish)
    const requester = target.what === 'circuit' ? target.instance : null
    if (requester !== null && this.#steering.session(requester) === undefined) {
      const message = `client ${requester} is not linked to this broker`
      throw new AdminRefusal('not_found', message)
    }
    const { forces } = await this.#cluster.snapshot(caller.credentials)
    const elsewhere = forces.filter(({ broker }) => broker !== this.#steering.id)
    // Those said here are looked at now: another operator may have spoken while peers were asked.
    const all = [...this.#forces.list(), ...elsewhere]
    const standing = all.filter((force) => meets(force, target))
    if (!wish.replace) refuseConflict(standing, caller.who)
    const isStanding = wish.to === 'open' || wish.to === 'closed'
    if (isStanding) refuseOneMore(all, target)
    const ended = standing.filter((force) => covers(target, force))
    if (wish.to === 'auto' && ended.length === 0) refuseInVain(standing, target)
    const order = orderOf(wish)
    const now = Date.now()
    const word: StandingForce = {
      id: order.id,
      topic: target.topic,
      what: target.what,
      to: wish.to === 'closed' ? 'closed' : 'open',
      instance: target.instance,
      idc: target.idc,
      reason: wish.reason,
      by: caller.who,
      broker: this.#steering.id,
      at: now,
      until: now + wish.forMs,
    }
    // First, as it may find no room: then the others go on as they are.
    if (isStanding) this.#forces.stand(word, order, requester === null)
    for (const each of ended) {
      if (!isStanding || each.id !== order.id) this.#forces.endFor(each, endOf(each, wish.reason))
    }
    const silent = new SilentNodes()
    const brokers = new Set(ended.map(({ broker }) => broker))
    brokers.delete(this.#steering.id)
    if (brokers.size > 0) {
      const { path, body } = wish
      const passed = { method: 'POST', path, body, withinMs: FORGET_MS } as const
      const deaf = await this.#passing.tell(brokers, caller.credentials, passed)
      for (const { node, why } of deaf) silent.add(node, why)
    }
    const others = new Map(ended.map((each) => [each.id, each]))
    others.delete(order.id)
    for (const other of others.values()) {
      const client = other.what === 'circuit' ? other.instance : null
      await this.#orders.force(endOf(other, wish.reason), client ?? undefined)
    }
    const obeyed = await this.#orders.force(order, requester ?? undefined)
    silent.take(obeyed.silent)
    return {
      action: wish.action,
      target: nameOf(target),
      brokers: 1,
      clients: obeyed.clients,
      circuits: obeyed.circuits,
      queues: obeyed.queues,
      silent: silent.list(),
      before: ended,
      after: isStanding ? word : null,
    }
  }

  /** A word that was said here is ended or replaced by what clients hear from another broker. */
  #forget({ action, target }: ForceWish): ActionReport {
    const ended = this.#forces.list().filter((force) => covers(target, force))
    for (const { id } of ended) this.#forces.end(id)
    return {
      ...{ action, target: nameOf(target), brokers: 1, clients: 0, circuits: 0, queues: 0 },
      ...{ silent: [], before: ended, after: null },
    }
  }
}

const orderOf = ({ target, to, reason, forMs }: ForceWish): ForceOrder => ({
  do: 'force',
  id: forceId(target),
  topic: target.topic,
  what: target.what,
  to,
  // Of a circuit the instance is whom the order goes to.
  ...(target.what === 'queues' && target.instance !== null && { instance: target.instance }),
  ...(target.idc !== null && { idc: target.idc }),
  reason,
  forMs,
})

const endOf = ({ id, topic, what, instance, idc }: StandingForce, reason: string): ForceOrder => ({
  ...{ do: 'force', id, topic, what, to: 'auto', reason, forMs: 60_000 },
  ...(what === 'queues' && instance !== null && { instance }),
  ...(idc !== null && { idc }),
})

const refuseConflict = (standing: readonly StandingForce[], who: string): void => {
  const other = standing.find(({ by }) => by !== who)
  if (other === undefined) return
  const { by, to, until, reason, broker } = other
  const end = new Date(until).toISOString()
  const message = `${by} has forced ${nameOf(other)} ${to} until ${end} (${reason}); say replace: true to overrule that`
  throw new AdminRefusal('conflict', message, {
    ...{ who: by, what: nameOf(other), to, until, reason, broker },
  })
}

/** Clients would go by no more of them. */
const refuseOneMore = (all: readonly StandingForce[], target: ForceTarget): void => {
  const others = all.filter(({ what, id }) => what === target.what && id !== forceId(target))
  if (others.length < MAX_WORDS) return
  const what = target.what === 'circuit' ? 'circuits' : 'queues'
  const message = `${others.length} words about ${what} are in force, as many as clients go by; end some of them first`
  throw new AdminRefusal('too_many', message)
}

/** What is said of less takes nothing back that was said of more: it would only seem to be done. */
const refuseInVain = (standing: readonly StandingForce[], target: ForceTarget): void => {
  const broader = standing.find((force) => covers(force, target))
  if (broader === undefined) return
  const { by, to, until, reason, broker } = broader
  const [what, less] = [nameOf(broader), nameOf(target)]
  const end = new Date(until).toISOString()
  const message = `nothing was said of ${less} alone: ${by} has forced ${what} ${to} until ${end} (${reason}); end that, and say anew what is to go on`
  throw new AdminRefusal('conflict', message, {
    ...{ who: by, what, to, until, reason, broker, isBroader: true },
  })
}

export const nameOf = ({ topic, what, instance, idc }: ForceTarget): string => {
  const all = topic === EVERY_TOPIC ? 'all topics' : topic
  const of = what === 'circuit' ? `the circuit of ${all}` : `queues of ${all}`
  const at = instance === null ? '' : ` ${what === 'circuit' ? 'at' : 'owned by'} ${instance}`
  return `${of}${at}${idc === null ? '' : ` in ${idc}`}`
}
