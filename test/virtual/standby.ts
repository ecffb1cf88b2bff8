import assert from 'node:assert/strict'
import type { Registration } from '../../rr-client/core/registration.ts'
import { mayStart } from '../../scenarios/sim/checkers/one-active.ts'
import {
  type AnswerAsk,
  type ClientAsk,
  type ClientNode,
  TOPIC,
} from '../../scenarios/sim/world/client-node.ts'
import type { Handler } from '../../scenarios/sim/world/handlers.ts'
import type { World } from '../../scenarios/sim/world/world.ts'

/** How often the watch looks at everybody; it looks at every start of a handler as well. */
const LOOK_MS = 3

export interface Member {
  readonly client: ClientNode
  readonly registration: Registration
}

/**
 * Instances of one active/standby topic under a watch that nobody in the world has: at every instant at
 * most one of them may start a handler. A frozen one counts as it would find itself if it went on now.
 */
export class Standby {
  readonly world: World
  readonly members: Member[] = []
  /** Every start of a handler, in order. */
  readonly starts: { at: number; instance: string }[] = []
  #isWatching = true

  constructor(world: World) {
    this.world = world
    this.#watch()
  }

  join(name: string, handler: Handler, ask: Partial<ClientAsk> = {}, lane: AnswerAsk = {}): Member {
    const client = this.world.client(name, ask)
    const registration = client.answer(
      (execution) => {
        this.starts.push({ at: this.world.now, instance: client.instance })
        this.check(client)
        handler(execution)
      },
      { ...lane, isStandby: true },
    )
    const member = { client, registration }
    this.members.push(member)
    return member
  }

  leave(member: Member): void {
    member.client.unanswer(member.registration)
  }

  /** Who may start a handler at this instant. */
  get active(): Member[] {
    return this.members.filter((member) => mayStart(member.client, member.registration))
  }

  /** Names instead of members, for one look. */
  get activeNames(): string {
    return this.active.map(({ client }) => client.name).join(' ')
  }

  /** At most one may start, and if `starter` just did, it is that one. */
  check(starter?: ClientNode): void {
    const { active } = this
    const at = `at ${this.world.now}`
    assert.ok(active.length <= 1, `${at} two are active: ${this.activeNames}`)
    if (starter === undefined || active[0]?.client === starter) return
    assert.fail(`${at} ${starter.name} has started a call, and ${this.activeNames || 'nobody'} may`)
  }

  /** Every broker that lives says that `name` owns the topic's queue there, and nobody else. */
  assertOwner(name: string): void {
    assert.equal(this.activeNames, name)
    for (const broker of this.world.brokers.values()) {
      if (!broker.isAlive) continue
      const queues = broker.view().topics.find(({ topic }) => topic === TOPIC)?.queues
      const found = queues?.map(({ state, ownerName }) => ({ state, ownerName }))
      assert.deepEqual(found, [{ state: 'writable', ownerName: name }], `at ${broker.name}`)
    }
  }

  /** Ends the watch, which would go on for as long as time does. */
  end(): void {
    this.#isWatching = false
  }

  #watch(): void {
    if (!this.#isWatching) return
    this.check()
    this.world.after(LOOK_MS, () => this.#watch())
  }
}
