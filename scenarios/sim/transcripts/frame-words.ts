/** Frames as a person would tell them. */
import { FieldReader, u16, u32, u64 } from '../../../bus/bytes.ts'
import {
  Cancel,
  Flag,
  FRAME_HEAD,
  Frame,
  queueStateName,
  Reason,
  Refusal,
  Reply,
  ReplyKind,
  Request,
  stageName,
} from '../../../bus/frame.ts'
import { decodePeer, decodeReject, decodeWelcome } from '../../../bus/handshake.ts'
import { decodeHeaders, OwnHeader } from '../../../bus/headers.ts'
import {
  decodeAssign,
  decodeAssigned,
  decodeNumber,
  decodeRegister,
  decodeRegistered,
  decodeResume,
  decodeRoutes,
  decodeStanding,
  decodeTopic,
  Standing,
} from '../../../bus/topic-frames.ts'
import type { ClientNode } from '../world/client-node.ts'
import type { Direction } from '../world/direction.ts'
import type { Names } from './names.ts'
import type { Kind } from './script.ts'

/** A frame where it arrived. */
export interface Arrival {
  readonly client: ClientNode
  readonly broker: string
  readonly way: Direction
  readonly bytes: Buffer
  readonly at: number
  readonly end: number
}

export interface Told {
  readonly kind: Kind
  readonly text: string
}

/** What is said of a frame; undefined for what is not worth a word. Notes who is who on the way. */
export const frameWords = (names: Names, arrival: Arrival): Told | undefined => {
  const { bytes, at, end } = arrival
  switch (bytes[at + 4]) {
    case Frame.request:
      return call(requestText(names, arrival))
    case Frame.reply:
      return call(replyText(names, arrival))
    case Frame.refusal:
    case Frame.lost:
      return call(refusalText(names, arrival))
    case Frame.cancel:
      return call(cancelText(names, arrival))
    default:
      return controlWords(names, arrival, new FieldReader(bytes, at + FRAME_HEAD, end))
  }
}

const call = (text: string | undefined): Told | undefined =>
  text === undefined ? undefined : { kind: 'calls', text }

const controlWords = (names: Names, a: Arrival, r: FieldReader): Told | undefined => {
  const { client, broker } = a
  switch (a.bytes[a.at + 4]) {
    case Frame.hello:
      return { kind: 'links', text: 'hello' }
    case Frame.welcome: {
      const { life, handle, isResumed } = decodeWelcome(r)
      names.welcome(client, broker, life, handle)
      return { kind: 'links', text: isResumed ? 'welcome back, the session goes on' : 'welcome' }
    }
    case Frame.reject: {
      const { code, message } = decodeReject(r)
      return { kind: 'links', text: `reject: ${code}, ${message}` }
    }
    case Frame.peer: {
      const { handle, instance } = decodePeer(r)
      if (instance !== '') names.handle(names.lifeOf(client, broker), handle, instance)
      return undefined
    }
    case Frame.goodbye:
      return { kind: 'links', text: `goodbye: ${r.text('reason', 1_024)}` }
    case Frame.ping:
      return { kind: 'heartbeats', text: 'ping' }
    case Frame.pong:
      return { kind: 'heartbeats', text: 'pong' }
    case Frame.resume: {
      const { length } = decodeResume(r).deliveries
      return { kind: 'links', text: `resume: ${length === 0 ? 'nothing' : length} in hand` }
    }
    case Frame.watch:
      return { kind: 'routes', text: `watch ${decodeTopic(r)}` }
    case Frame.unwatch:
      return { kind: 'routes', text: `unwatch ${decodeTopic(r)}` }
    case Frame.routes:
      return { kind: 'routes', text: routesText(names, r) }
    default:
      return queueWords(a, r)
  }
}

const queueWords = (a: Arrival, r: FieldReader): Told | undefined => {
  const queues = (text: string): Told => ({ kind: 'queues', text })
  switch (a.bytes[a.at + 4]) {
    case Frame.register: {
      const { topic, window } = decodeRegister(r)
      return queues(`register: answers ${topic}, credit ${window}`)
    }
    case Frame.registered: {
      const { code, message } = decodeRegistered(r)
      return queues(code === '' ? 'registered' : `not registered: ${code}, ${message}`)
    }
    case Frame.unregister:
      return queues('unregister')
    case Frame.unregistered:
      return queues('unregistered')
    case Frame.assign: {
      const { queue, epoch, leaseMs } = decodeAssign(r)
      return queues(`assign: queue ${queue} epoch ${epoch} is yours for ${leaseMs} ms`)
    }
    case Frame.assigned:
      return queues(`assigned: ${queueOf(decodeAssigned(r))} is mine`)
    case Frame.revoke:
      return queues(`revoke: give up ${queueOf(decodeAssigned(r))}`)
    case Frame.revoked:
      return queues(`revoked: I start nothing more of ${queueOf(decodeAssigned(r))}`)
    case Frame.recall:
      return queues(`recall: hand back what has not started of queue ${decodeNumber(r)}`)
    case Frame.standing: {
      const { standing, brokers } = decodeStanding(r)
      const how = Object.entries(Standing).find(([, value]) => value === standing)![0]
      return queues(`standing: ${how}, of ${brokers} brokers`)
    }
    default:
      return undefined
  }
}

const queueOf = ({ queue, epoch }: { queue: number; epoch: number }): string =>
  `queue ${queue} epoch ${epoch}`

const routesText = (names: Names, r: FieldReader): string => {
  const { topic, isFull, code, settlingMs, entries } = decodeRoutes(r)
  const list = entries.map(({ queue, epoch, state, instance }) => {
    const what = `queue ${queue} epoch ${epoch}`
    return state === 0
      ? `${what} is gone`
      : `${what} of ${names.instance(instance)} is ${queueStateName(state)}`
  })
  const said = list.length === 0 ? 'no queues' : list.join('; ')
  const warming = settlingMs > 0 && isFull ? `, not the last word for ${settlingMs} ms` : ''
  const refused = code === '' ? '' : `, ${code}`
  return `${isFull ? 'routes' : 'news'} of ${topic}: ${said}${warming}${refused}`
}

const requestText = (names: Names, { client, broker, way, bytes: b, at }: Arrival) => {
  const flags = b[at + Request.flags]!
  const origin = names.instanceOf(client, broker, u32(b, at + Request.origin))
  const instance = way === 'up' ? client.instance : origin
  const body = names.bodyOf(instance, u64(b, at + Request.counter), (flags & Flag.long) !== 0)
  if (body === undefined) return undefined
  const isPinned = (flags & Flag.pinned) !== 0
  const headersEnd = at + Request.head + u32(b, at + Request.headersLength)
  const to = isPinned
    ? (decodeHeaders(b, at + Request.head, headersEnd)[OwnHeader.to] ?? '')
    : names.instanceOf(client, broker, u32(b, at + Request.target))
  const place = isPinned
    ? ' pinned'
    : `, queue ${u32(b, at + Request.queue)} epoch ${u64(b, at + Request.epoch)}`
  const parts = [
    `request "${body}" attempt ${u16(b, at + Request.attempt)}`,
    way === 'up' ? `${isPinned ? ' pinned' : ''} to ${names.instance(to)}` : place,
    way === 'up' && !isPinned ? place : '',
    (flags & Flag.mayHaveRun) === 0 ? '' : ', may have run',
    (flags & Flag.idempotent) === 0 ? '' : ', idempotent',
    `, ${u32(b, at + Request.remainingMs)} ms left`,
  ]
  return parts.join('')
}

const replyText = (names: Names, { client, broker, way, bytes: b, at }: Arrival) => {
  const flags = b[at + Reply.flags]!
  const to = u32(b, at + Reply.to)
  const headersEnd = at + Reply.head + u32(b, at + Reply.headersLength)
  const byTopic = to === 0 && way === 'up'
  const topic = byTopic
    ? (decodeHeaders(b, at + Reply.head, headersEnd)[OwnHeader.replyTopic] ?? '')
    : ''
  const addressee = byTopic
    ? topic.replace(/^replies-of-/, '')
    : names.instanceOf(client, broker, to)
  const instance = way === 'down' ? client.instance : addressee
  const body = names.bodyOf(instance, u64(b, at + Reply.counter), (flags & Flag.long) !== 0)
  if (body === undefined) return undefined
  const kind = b[at + Reply.kind]!
  const how = kind === ReplyKind.ok ? '' : `: ${nameIn(ReplyKind, kind)}`
  return `reply to "${body}"${how}${byTopic ? ', by reply topic' : ''}`
}

const refusalText = (names: Names, { client, broker, way, bytes: b, at, end }: Arrival) => {
  const flags = b[at + Refusal.flags]!
  const to = names.instanceOf(client, broker, u32(b, at + Refusal.to))
  const instance = way === 'down' ? client.instance : to
  const body = names.bodyOf(instance, u64(b, at + Refusal.counter), (flags & Flag.long) !== 0)
  if (body === undefined) return undefined
  const which = `"${body}" attempt ${u16(b, at + Refusal.attempt)}`
  const from = u32(b, at + Refusal.from)
  if (b[at + 4] === Frame.lost) {
    return `lost ${which}: it went to ${names.instance(names.instanceOf(client, broker, from))}, whose link broke`
  }
  const limit = u32(b, at + Refusal.limit)
  const retryMs = u32(b, at + Refusal.retryAfterMs)
  const text = b.toString('utf8', at + Refusal.head, end)
  const queue = u32(b, at + Refusal.queue)
  const parts = [
    `refusal of ${which}: ${nameIn(Reason, b[at + Refusal.reason]!)}`,
    `, by the ${stageName(b[at + Refusal.stage]!)}`,
    (flags & Flag.never) === 0 ? '' : ', will never start',
    limit === 0 ? '' : `, ${u32(b, at + Refusal.current)} of ${limit}`,
    queue === 0 ? '' : `, queue ${queue} is ${queueStateName(b[at + Refusal.queueState]!)}`,
    retryMs === 0 ? '' : `, again after ${retryMs} ms`,
    text === '' ? '' : ` (${text})`,
  ]
  return parts.join('')
}

const cancelText = (names: Names, { client, broker, way, bytes: b, at }: Arrival) => {
  const flags = b[at + Cancel.flags]!
  const origin = names.instanceOf(client, broker, u32(b, at + Cancel.origin))
  const instance = way === 'up' ? client.instance : origin
  const body = names.bodyOf(instance, u64(b, at + Cancel.counter), (flags & Flag.long) !== 0)
  if (body === undefined) return undefined
  return `cancel "${body}" up to attempt ${u16(b, at + Cancel.attempt)}`
}

const nameIn = (names: Readonly<Record<string, number>>, value: number): string =>
  Object.keys(names).find((name) => names[name] === value) ?? String(value)
