/** The world of one plan: who is there now, who was ever there, and what was asked. */
import type { BrokerView } from '../../broker/core/view.ts'
import { nestedMs } from '../../rr-client/core/nested.ts'
import type { Kind } from '../drills/targets.ts'
import { OUTSIDER, SECRET } from './draw.ts'
import type { AnswerPlan, BrokerPlan, CallPlan, ClientPlan, Plan, ResponderPlan } from './plan.ts'
import type { BrokerNode } from './world/broker-node.ts'
import type { VirtualCall } from './world/calls.ts'
import type { ClientNode } from './world/client-node.ts'
import type { Execution } from './world/handlers.ts'
import { type AnyNode, World } from './world/world.ts'

const MAX_WORD = 'account.*'
const OUTSIDER_GRANT = {
  name: 'outsider',
  request: [MAX_WORD, 'payment.*', 'ledger.*'],
  reply: [MAX_WORD, 'payment.*', 'ledger.*', SECRET],
}
/** Those that start with part of the brokers hear of the others this much later. */
const INTRODUCED_MS = 1_500

/** A place in the plan, and who fills it now. */
export interface Place {
  readonly kind: Kind
  readonly name: string
  readonly idc: string
  readonly plan: BrokerPlan | ClientPlan | ResponderPlan | undefined
  /** Undefined between one life and the next. */
  node: AnyNode | undefined
}

/** One call, by whom, and within which other call. */
export interface Asked {
  readonly by: ClientNode
  readonly call: VirtualCall
  readonly parent: Asked | undefined
  readonly plan: CallPlan | undefined
}

/** A handler that has begun. */
export interface Begun {
  readonly at: number
  readonly client: ClientNode
  readonly execution: Execution
}

/** A stretch of time in which a process could do nothing. */
export interface Spell {
  readonly from: number
  readonly to: number
}

/** Who lives, and what was asked of them, until the next thing happens. */
interface Present {
  readonly events: number
  readonly brokers: BrokerNode[]
  readonly responders: ClientNode[]
  readonly requesters: ClientNode[]
  readonly views: Map<BrokerNode, BrokerView>
}

export interface SceneEvents {
  settled(asked: Asked): void
  begun(begun: Begun): void
}

export class Scene {
  readonly plan: Plan
  readonly world: World
  readonly places: Place[] = []
  readonly asked: Asked[] = []
  /** Every process that ever was. */
  readonly everybody = new Set<ClientNode | BrokerNode>()
  readonly #events: SceneEvents
  readonly #spells = new Map<AnyNode, Spell[]>()
  /** What a call is made within, by the body that its handler reads. */
  readonly #byBody = new Map<string, Asked>()
  /** Handlers of these responders take so much longer now. */
  readonly slowMs = new Map<string, number>()
  #nestings = 0
  #now: Present = { events: -1, brokers: [], responders: [], requesters: [], views: new Map() }

  constructor(plan: Plan, events: SceneEvents) {
    this.plan = plan
    this.#events = events
    this.world = new World(plan.seed)
    this.world.latencyMs = plan.latencyMs
    this.world.awayMs = plan.awayMs
    const { jitterMs, drift, registries, httpLoss } = plan.nature
    this.world.jitterMs = jitterMs
    this.world.drift = drift
    this.world.http.loss = httpLoss
    for (let i = 1; i <= registries; i++) this.#openRegistry(`${i}`)
    for (const broker of plan.brokers) this.#openBroker(broker)
    for (const responder of plan.responders) this.open('responder', responder)
    for (const requester of plan.requesters) this.open('requester', requester)
  }

  of(kind: Kind): Place[] {
    return this.places.filter((place) => place.kind === kind)
  }

  place(kind: Kind, name: string): Place | undefined {
    return this.places.find((place) => place.kind === kind && place.name === name)
  }

  /** Clients of that kind that live. */
  clients(kind: 'responder' | 'requester'): readonly ClientNode[] {
    return kind === 'responder' ? this.#present().responders : this.#present().requesters
  }

  /** Brokers that live. */
  get brokers(): readonly BrokerNode[] {
    return this.#present().brokers
  }

  /** What a broker says of itself at this instant. */
  viewOf(broker: BrokerNode): BrokerView {
    const { views } = this.#present()
    let view = views.get(broker)
    if (view === undefined) {
      view = broker.view()
      views.set(broker, view)
    }
    return view
  }

  /** A new place, filled. */
  open(kind: 'responder' | 'requester', plan: ClientPlan | ResponderPlan): void {
    const { name, idc } = plan
    const place: Place = { kind, name, idc, plan, node: undefined }
    this.places.push(place)
    this.fill(place)
  }

  /** Somebody new in a place that is empty. */
  fill(place: Place): void {
    if (place.node?.isAlive === true || !this.places.includes(place)) return
    this.#now = { ...this.#now, events: -1 }
    if (place.kind === 'registry') {
      place.node = this.world.restartRegistry(place.name)
      return
    }
    const node = place.kind === 'broker' ? this.world.restart(place.name) : this.#client(place)
    place.node = node
    this.everybody.add(node)
    if (place.kind === 'broker') this.#setRules(node as BrokerNode)
  }

  freeze(node: AnyNode, ms: number): void {
    if (!node.isAlive || node.isFrozen) return
    const { now } = this.world
    this.#spells.set(node, [...this.spellsOf(node), { from: now, to: now + ms }])
    this.world.freeze(node, ms)
  }

  spellsOf(node: AnyNode): readonly Spell[] {
    return this.#spells.get(node) ?? []
  }

  /** Makes a call of the plan, if its caller can just now. */
  ask(plan: CallPlan): void {
    const by = this.place('requester', plan.by)?.node as ClientNode | undefined
    if (by === undefined || !by.isAlive || by.isFrozen) return
    const body = bodyOf(plan)
    const asked = this.#note(by, plan, undefined, body, () =>
      by.call({
        topic: plan.topic,
        body,
        timeoutMs: plan.timeoutMs,
        idempotent: plan.isIdempotent,
        waitForResponder: plan.waits,
        ...(plan.key === '' ? {} : { key: plan.key }),
        ...(plan.label === '' ? {} : { label: plan.label }),
      }),
    )
    if (plan.cancelMs === 0) return
    this.world.after(plan.cancelMs, () => {
      if (by.isAlive && !by.isFrozen && !asked.call.isSettled) by.cancel(asked.call)
    })
  }

  /** An ordinary quick call, outside the plan. */
  probe(by: ClientNode, topic: string, timeoutMs: number): Asked {
    this.#nestings += 1
    const body = `p${this.#nestings}|1|ok|`
    return this.#note(by, undefined, undefined, body, () => by.call({ topic, body, timeoutMs }))
  }

  /** The call whose handler reads this body. */
  askedOf(body: string): Asked | undefined {
    return this.#byBody.get(body)
  }

  #note(
    by: ClientNode,
    plan: CallPlan | undefined,
    parent: Asked | undefined,
    body: string,
    make: () => VirtualCall,
  ): Asked {
    const call = make()
    const asked: Asked = { by, call, parent, plan }
    this.asked.push(asked)
    this.#byBody.set(body, asked)
    const then = call.onSettled
    call.onSettled = (settled) => {
      this.#events.settled(asked)
      then(settled)
    }
    if (call.isSettled) this.#events.settled(asked)
    return asked
  }

  /** Many checkers ask for the same at one instant. */
  #present(): Present {
    const { events } = this.world
    if (this.#now.events === events) return this.#now
    const now: Present = { events, brokers: [], responders: [], requesters: [], views: new Map() }
    for (const { kind, node } of this.places) {
      if (node?.isAlive !== true) continue
      if (kind === 'broker') now.brokers.push(node as BrokerNode)
      else if (kind === 'responder') now.responders.push(node as ClientNode)
      else if (kind === 'requester') now.requesters.push(node as ClientNode)
    }
    this.#now = now
    return now
  }

  #openRegistry(name: string): void {
    const node = this.world.registry(name)
    this.places.push({ kind: 'registry', name, idc: '', plan: undefined, node })
  }

  /** Names of the registries that everybody asks; none if everybody knows the brokers. */
  get #registries(): string[] {
    return this.of('registry').map(({ name }) => name)
  }

  #openBroker(plan: BrokerPlan): void {
    const { name, idc } = plan
    const grants = { [OUTSIDER]: OUTSIDER_GRANT }
    const registries = this.#registries
    const announced = registries.length > 0 ? { registries } : {}
    const node = this.world.broker(name, { ...plan.limits, ...announced, idc, grants })
    this.places.push({ kind: 'broker', name, idc, plan, node })
    this.everybody.add(node)
    this.#setRules(node)
  }

  #setRules(broker: BrokerNode): void {
    if (this.plan.rules.length > 0) broker.setRules(this.plan.rules, 1)
  }

  #client(place: Place): ClientNode {
    const plan = place.plan as ClientPlan | ResponderPlan
    const { idc, knows, label, maxInFlight, silenceMs, firstCounter, token } = plan
    const traits = { idc, label, maxInFlight, silenceMs, firstCounter, token }
    const registries = this.#registries
    const learns = registries.length > 0 ? { registries } : { brokers: knows }
    const client = this.world.client(`${place.kind} ${place.name}`, { ...traits, ...learns })
    if ('answers' in plan) for (const answer of plan.answers) this.#answer(client, place, answer)
    if (registries.length === 0 && knows.length < this.plan.brokers.length) {
      this.world.after(INTRODUCED_MS, () => this.#introduce(client))
    }
    return client
  }

  #answer(client: ClientNode, { name }: Place, answer: AnswerPlan): void {
    client.answer((execution) => this.#perform(client, name, execution), answer)
  }

  #introduce(client: ClientNode): void {
    client.step((now) => {
      for (const { name, idc } of this.plan.brokers) client.core.addBroker(now, name, idc)
    })
  }

  /** Does what the body says: how long it takes, whether it throws, whom it calls. */
  #perform(client: ClientNode, name: string, execution: Execution): void {
    this.#events.begun({ at: this.world.now, client, execution })
    const [, takesMs, way, nested = ''] = execution.body.split('|')
    const afterMs = Number(takesMs) + (this.slowMs.get(name) ?? 0)
    const end = (): void => {
      if (way === 'throw') execution.fail(afterMs)
      else execution.reply(afterMs, `re:${execution.body}`)
    }
    const timeoutMs = nestedMs(execution.remainingMs())
    if (nested === '' || timeoutMs < 1) {
      end()
      return
    }
    this.#nestings += 1
    const body = `n${this.#nestings}|${Math.ceil(Number(takesMs) / 3)}|ok|`
    const ask = { topic: nested, body, timeoutMs, loop: nested === execution.topic }
    this.#note(client, undefined, this.#byBody.get(execution.body), body, () =>
      execution.call(ask, end),
    )
  }
}

const bodyOf = ({ id, takesMs, throws, nested, padding }: CallPlan): string =>
  `${id}|${takesMs}|${throws ? 'throw' : 'ok'}|${nested}|${'x'.repeat(padding)}`
