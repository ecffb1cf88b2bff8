import { u32 } from '../../../bus/bytes.ts'
import { Flag, QueueState, Request } from '../../../bus/frame.ts'
import type { RouteQueue } from '../../../rr-client/core/route-queue.ts'
import type { Asked, Scene } from '../scene.ts'
import { type Checker, Violation } from './checker.ts'
import { describe } from './describe.ts'
import { bodyIn } from './sent.ts'

const NAME = 'the sick are left alone'
/** Calls in a row that were not answered: more than it takes to isolate a queue. */
const MANY = 8
/** A shorter wait says nothing of a queue that has not answered yet. */
const LEAST_MS = 100

/**
 * A queue that has left many calls in a row without an answer gets no more of them, except a probe,
 * while another one would answer (WIRE-SAFETY H10).
 */
export const leftAlone = (scene: Scene): Checker => {
  const sent = new Map<Asked, RouteQueue>()
  const failures = new Map<RouteQueue, { count: number; at: number }>()
  return {
    name: NAME,
    onRequest(request) {
      const { way, client, broker, bytes, at } = request
      const asked = way === 'up' ? scene.askedOf(bodyIn(request)) : undefined
      if (asked === undefined || asked.call.isSettled || asked.by !== client) return
      if ((bytes[at + Request.flags]! & Flag.pinned) !== 0) return
      const { topic, current, probeOf, attempt } = asked.call.future!
      const { queue } = current ?? {}
      if (queue?.handle !== u32(bytes, at + Request.queue) || queue.link.broker !== broker) return
      sent.set(asked, queue)
      const { count, at: failedAt } = failures.get(queue) ?? NO_FAILURE
      if (probeOf === queue || count < MANY || current!.sentAt <= failedAt) return
      if (topic.dark !== undefined || attempt > 1) return
      if (!hasOther(queue)) return
      throw new Violation(NAME, `to a queue of ${queue.instance}: ${describe(scene, asked)}`)
    },
    onSettled(asked) {
      const queue = sent.get(asked)
      if (queue === undefined) return
      const { call } = asked
      if (call.reply !== undefined) failures.delete(queue)
      if (call.error?.code !== 'deadline_exceeded') return
      const wasPatient = call.tookMs > Math.max(LEAST_MS, queue.slowMs) + 1
      if (!wasPatient || !hasOther(queue)) return
      const { count, at } = failures.get(queue) ?? NO_FAILURE
      // From then on it must be left alone: what was sent before is no news.
      failures.set(queue, { count: count + 1, at: count < MANY ? asked.by.now : at })
    },
  }
}

const NO_FAILURE = { count: 0, at: 0 }

const hasOther = (queue: RouteQueue): boolean =>
  queue.topic.queues.some(
    (other) =>
      other.instance !== queue.instance &&
      other.state === QueueState.writable &&
      other.tier === 0 &&
      other.link.isUp &&
      !other.link.isDoubtful &&
      other.isolation === undefined &&
      other.shyUntil === 0 &&
      other.avoidUntil === 0,
  )
