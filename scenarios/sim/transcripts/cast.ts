import { didYouMean } from '../../../bus/suggest.ts'
import { type Player, playersOf, type Target, targetFault } from '../../drills/targets.ts'
import { WordsError } from '../../drills/words.ts'
import type { BrokerAsk, BrokerNode } from '../world/broker-node.ts'
import type { AnswerAsk, ClientNode } from '../world/client-node.ts'
import type { Execution } from '../world/handlers.ts'
import { World } from '../world/world.ts'

/** How a responder does just now. */
export interface Mood {
  slowMs: number
  isHung: boolean
  readonly held: Execution[]
}

interface Part extends Player {
  /** Which of its lives this is, from 1. */
  life: number
}

export interface BrokerPart extends Part {
  readonly kind: 'broker'
  node: BrokerNode
}

export interface ClientPart extends Part {
  readonly kind: 'responder' | 'requester'
  readonly mood: Mood
  node: ClientNode
}

export type Member = BrokerPart | ClientPart

/** What is settled before anybody starts. */
export interface Setting {
  handlerMs: number
  readonly lane: AnswerAsk
  limits: Partial<BrokerAsk>
}

/** Who plays in a story, and how each of them is brought to life. */
export class Cast {
  readonly world = new World()
  readonly members: Member[] = []
  readonly #onStart: (by: ClientPart, execution: Execution) => void
  setting: Setting = { handlerMs: 2, lane: {}, limits: {} }

  constructor(onStart: (by: ClientPart, execution: Execution) => void) {
    this.#onStart = onStart
  }

  get brokers(): BrokerPart[] {
    return this.members.filter((member) => member.kind === 'broker')
  }

  get clients(): ClientPart[] {
    return this.members.filter((member) => member.kind !== 'broker')
  }

  addBrokers(idc: string, count: number): void {
    for (let i = 0; i < count; i++) {
      const name = this.#nameOf('broker', idc)
      const node = this.world.broker(name, { ...this.setting.limits, idc })
      this.members.push({ kind: 'broker', name, idc, life: 1, node })
    }
  }

  /** Clients know of the brokers that are there by then. */
  addClients(kind: ClientPart['kind'], idc: string, count: number): void {
    for (let i = 0; i < count; i++) {
      const name = this.#nameOf(kind, idc)
      const mood = { slowMs: 0, isHung: false, held: [] }
      const node = this.world.client(`${kind}-${name}`, { idc })
      const part: ClientPart = { kind, name, idc, life: 1, mood, node }
      this.members.push(part)
      if (kind === 'responder') this.#answer(part)
    }
  }

  /** kill -9, if it lives, and a new life in the same place. */
  restart(member: Member): void {
    const { world } = this
    if (member.node.isAlive) world.kill(member.node)
    member.life += 1
    if (member.kind === 'broker') {
      member.node = world.restart(member.name)
      return
    }
    member.node = world.client(`${member.kind}-${member.name}`, { idc: member.idc })
    if (member.kind === 'responder') this.#answer(member)
  }

  /** In good order: nothing new is taken, what runs is finished, goodbye is said. */
  stop(member: Member): void {
    const { world } = this
    if (member.kind === 'broker') {
      const { node } = member
      node.step((now) => node.core.close(now))
      node.flushNow()
      world.kill(node)
      return
    }
    const { node } = member
    for (const registration of node.core.registrations.all) node.unanswer(registration)
    const goWhenDone = (): void => {
      if (!node.isAlive) return
      if (node.core.registrations.size === 0) {
        node.leave()
        world.clients.delete(node)
      } else world.after(1, goWhenDone)
    }
    world.after(1, goWhenDone)
  }

  /** Handlers that hang go on and answer. */
  release({ mood }: ClientPart): void {
    mood.isHung = false
    for (const execution of mood.held.splice(0)) execution.reply(0, `re:${execution.body}`)
  }

  /** Those that are meant; throws when nobody is. */
  meant(target: Target): Member[] {
    const fault = targetFault(target, this.members)
    if (fault !== undefined) throw new WordsError(fault)
    return playersOf(target, this.members)
  }

  find(kind: ClientPart['kind'], name: string): ClientPart {
    const all = this.clients.filter((one) => one.kind === kind)
    const found = all.find((one) => one.name === name)
    if (found !== undefined) return found
    const names = all.map((one) => one.name)
    throw new WordsError(`there is no ${kind} ${name}${didYouMean(name, names)}`)
  }

  #answer(part: ClientPart): void {
    part.node.answer((execution) => {
      this.#onStart(part, execution)
    }, this.setting.lane)
  }

  #nameOf(kind: Player['kind'], idc: string): string {
    const before = this.members.filter((one) => one.kind === kind && one.idc === idc).length
    return `${idc}-${before + 1}`
  }
}
