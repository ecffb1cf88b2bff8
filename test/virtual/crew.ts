import type { BrokerNode } from '../../scenarios/sim/world/broker-node.ts'
import type { AnswerAsk, ClientNode } from '../../scenarios/sim/world/client-node.ts'
import type { Execution, Handler } from '../../scenarios/sim/world/handlers.ts'
import { World } from '../../scenarios/sim/world/world.ts'
import { SETTLE_MS } from './town.ts'

/** How a responder does just now; a story may change it. */
export interface Mood {
  /** Milliseconds until it answers; undefined: not until `release`. */
  takesMs: number | undefined
  readonly held: Execution[]
}

/** Answers as its mood is when the call starts. */
const moody =
  (mood: Mood): Handler =>
  (execution) => {
    if (mood.takesMs === undefined) mood.held.push(execution)
    else execution.reply(mood.takesMs, `re:${execution.body}`)
  }

/** Handlers that hang go on and answer. */
export const release = ({ held }: Mood): void => {
  for (const execution of held.splice(0)) execution.reply(0, `re:${execution.body}`)
}

export interface Member {
  readonly client: ClientNode
  readonly mood: Mood
}

/** Some responders of one topic, one requester, one broker or two. */
export class Crew {
  readonly world: World
  readonly broker: BrokerNode
  readonly r: ClientNode
  readonly members: Member[] = []
  #joined = 0

  constructor(count: number, takesMs = 2, lane: AnswerAsk = {}, brokers: 1 | 2 = 1) {
    this.world = new World()
    this.broker = this.world.broker()
    if (brokers === 2) this.world.broker('b2')
    for (let i = 0; i < count; i++) this.join(takesMs, lane)
    this.r = this.world.client('R')
    this.world.run(SETTLE_MS)
  }

  get clients(): ClientNode[] {
    return this.members.map(({ client }) => client)
  }

  join(takesMs = 2, lane: AnswerAsk = {}): Member {
    const mood: Mood = { takesMs, held: [] }
    this.#joined += 1
    const client = this.world.client(`Y${this.#joined}`)
    client.answer(moody(mood), lane)
    const member = { client, mood }
    this.members.push(member)
    return member
  }

  /** As a process that is told to stop does: takes nothing new, finishes what runs, says goodbye. */
  leave(member: Member): void {
    const { client } = member
    this.#strike(member)
    for (const registration of client.core.registrations.all) client.unanswer(registration)
    const goWhenDone = (): void => {
      if (client.core.registrations.size === 0) {
        client.leave()
        this.world.clients.delete(client)
      } else this.world.after(1, goWhenDone)
    }
    this.world.after(1, goWhenDone)
  }

  /** kill -9. */
  kill(member: Member): void {
    this.#strike(member)
    this.world.kill(member.client)
  }

  #strike(member: Member): void {
    this.members.splice(this.members.indexOf(member), 1)
  }

  /** The requester's word for how it treats that responder's queue; `none` if it knows none. */
  isolationOf({ client }: Member, by = this.r): string {
    const queue = this.#queueOf(client, by)
    if (queue === undefined) return 'none'
    return queue.isolation?.stateAt(this.world.now) ?? 'closed'
  }

  /** The broker's word for that responder's queue. */
  stateOf({ client }: Member): string | undefined {
    const queues = this.broker.view().topics.flatMap((topic) => topic.queues)
    return queues.find(({ owner }) => owner === client.instance)?.state
  }

  #queueOf({ instance }: ClientNode, by: ClientNode) {
    for (const topic of by.core.requester.topics.all) {
      for (const queue of topic.queues) if (queue.instance === instance) return queue
    }
    return undefined
  }
}
