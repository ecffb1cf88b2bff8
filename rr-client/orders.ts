import { z } from 'zod'
import { invalid } from '../bus/errors.ts'
import type { Loop } from '../bus/io/loop.ts'
import { checkOptions } from '../bus/io/options.ts'
import { checkTopic, isName } from '../bus/names.ts'
import type { OrderText } from '../bus/observe-frames.ts'
import { EVERY_TOPIC, type OrderAnswer } from '../bus/order.ts'
import type { BrokerLink } from './core/broker-link.ts'
import type { ClientCore } from './core/client-core.ts'
import type { Forces } from './forces.ts'

/** Longest that an operator's word holds: a day. */
const MAX_FORCE_MS = 86_400_000
const MAX_ID = 128
/** Of what was sent, in an answer that names it. */
const MAX_ERROR = 300

// Strict: a selector that this client does not know would make an order mean more than it says.
const FORCE = z.strictObject({
  do: z.literal('force'),
  id: z.string().min(1).max(MAX_ID),
  topic: z.string(),
  what: z.enum(['circuit', 'queues']),
  to: z.enum(['open', 'closed', 'probe', 'auto']),
  instance: z.string().min(1).max(64).optional(),
  idc: z.string().refine(isName, 'must be the name of a data centre').optional(),
  reason: z.string().min(1, 'must not be empty').max(500),
  forMs: z.number().int().min(1).max(MAX_FORCE_MS),
})

const TRACE = z.strictObject({
  do: z.literal('trace'),
  correlationId: z.string().min(1).max(MAX_ID),
})

/** Orders of operators, as brokers pass them on: each is answered, whatever it is. */
export class Orders {
  readonly #core: ClientCore
  readonly #loop: Loop
  readonly #forces: Forces

  constructor(core: ClientCore, loop: Loop, forces: Forces) {
    this.#core = core
    this.#loop = loop
    this.#forces = forces
  }

  /** One has come; it is done outside the step in which it was read. */
  take(link: BrokerLink, { id, json }: OrderText): void {
    const { generation } = link
    this.#loop.afterwards(() => {
      const answer = Buffer.from(JSON.stringify(this.#answerTo(json)))
      this.#loop.post((now) => {
        if (link.generation === generation) this.#core.answerOrder(now, link, { id, json: answer })
      }, undefined)
    }, undefined)
  }

  #answerTo(json: Buffer): OrderAnswer {
    try {
      return this.#do(JSON.parse(json.toString('utf8')))
    } catch (error) {
      return { error: String((error as Error).message).slice(0, MAX_ERROR) }
    }
  }

  #do(order: unknown): OrderAnswer {
    const verb: unknown = (order as { do?: unknown } | null)?.do
    if (verb === 'trace') return this.#trace(checkOptions('trace', TRACE, order).correlationId)
    if (verb !== 'force') throw invalid('order', 'must be force or trace', verb)
    const force = checkOptions('force', FORCE, order)
    if (force.topic !== EVERY_TOPIC) checkTopic(force.topic)
    return this.#forces.order(force)
  }

  #trace(correlationId: string): OrderAnswer {
    const now = this.#forces.now()
    const trace = this.#core.observation.traceOf(now, correlationId)
    if (trace === undefined) {
      throw invalid('correlationId', 'must be that of a call, such as in its error', correlationId)
    }
    return { trace }
  }
}
