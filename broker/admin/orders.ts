import { z } from '@hono/zod-openapi'
import { messageOf } from '../../bus/codec.ts'
import type { ForceOrder, Order, OrderAnswer } from '../../bus/order.ts'
import type { TraceEvent } from '../../bus/trace.ts'
import type { SessionView } from '../core/view.ts'
import type { Steering } from '../steering.ts'
import { count } from './report-schema.ts'
import { TRACE_EVENT } from './schemas.ts'
import { SilentNodes } from './silent.ts'

/** No client is waited for longer. */
const ANSWER_MS = 1_500
/** Clients that are asked at once. */
const AT_ONCE = 256
/** All of them together; who was not asked by then is named as silent. */
const WHOLE_MS = 5_000
const PAGE = 500
const MAX_TRACE_EVENTS = 1_000

/** What clients did of an order. */
export interface Obeyed {
  clients: number
  circuits: number
  queues: number
  silent: SilentNodes
}

const ANSWER = z.object({
  circuits: count.exactOptional(),
  queues: count.exactOptional(),
  trace: z.array(TRACE_EVENT).max(MAX_TRACE_EVENTS).exactOptional(),
  error: z.string().exactOptional(),
}) satisfies z.ZodType<OrderAnswer>

/** Sends the orders of operators to clients, and counts what they answer. */
export class Orders {
  readonly #steering: Steering
  readonly #now: () => number
  readonly counters = { ordersSent: 0, ordersUnanswered: 0 }

  constructor(steering: Steering, now: () => number) {
    this.#steering = steering
    this.#now = now
  }

  /** To every client that is linked here, or to one of them. */
  async force(order: ForceOrder, instance: string | undefined): Promise<Obeyed> {
    const obeyed: Obeyed = { clients: 0, circuits: 0, queues: 0, silent: new SilentNodes() }
    const endsAt = this.#now() + WHOLE_MS
    const sessions = instance === undefined ? this.#linked() : this.#one(instance)
    const work = async (): Promise<void> => {
      for (const { instance, name } of sessions) {
        const leftMs = Math.min(ANSWER_MS, endsAt - this.#now())
        const node = `${name} (${instance})`
        if (leftMs <= 0) obeyed.silent.add(node, 'there was no time left to ask it')
        else await this.#ask(instance, order, leftMs).then((answer) => note(obeyed, node, answer))
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    return obeyed
  }

  /** What a client remembers of a call. Rejects with the reason if it does not answer. */
  async trace(instance: string, correlationId: string): Promise<TraceEvent[]> {
    const answer = await this.#ask(instance, { do: 'trace', correlationId }, ANSWER_MS)
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer.trace ?? []
  }

  async #ask(instance: string, order: Order, withinMs: number): Promise<OrderAnswer> {
    this.counters.ordersSent += 1
    try {
      const answer = ANSWER.safeParse(await this.#steering.order(instance, order, withinMs))
      return answer.data ?? { error: 'its answer makes no sense' }
    } catch (error) {
      this.counters.ordersUnanswered += 1
      return { error: messageOf(error) }
    }
  }

  /** One after the other, so that nobody copies 20,000 sessions at once. */
  *#linked(): Generator<SessionView> {
    let after = ''
    for (;;) {
      const page = this.#steering.sessions(after, PAGE)
      for (const session of page) if (session.state === 'up') yield session
      const last = page.at(-1)
      if (last === undefined || page.length < PAGE) return
      after = last.instance
    }
  }

  *#one(instance: string): Generator<SessionView> {
    const session = this.#steering.session(instance)
    if (session !== undefined) yield session
  }
}

const note = (obeyed: Obeyed, node: string, answer: OrderAnswer): void => {
  if (answer.error !== undefined) {
    obeyed.silent.add(node, answer.error)
    return
  }
  obeyed.clients += 1
  obeyed.circuits += answer.circuits ?? 0
  obeyed.queues += answer.queues ?? 0
}
