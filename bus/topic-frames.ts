/** The frames about topics: registering to answer one, owning its queues, watching its routes. */
import { type FieldReader, FieldWriter, WireError } from './bytes.ts'
import { MAX_TEXT } from './frame.ts'
import { MAX_ID } from './handshake.ts'
import { MAX_NAME, MAX_TOPIC } from './names.ts'

/** A client will answer a topic. `id` is the client's own number for it. */
export interface Register {
  id: number
  topic: string
  group: string
  /** Deliveries this broker may have unanswered at once: the credit. */
  window: number
  windowBytes: number
  /** One instance of the group is active, over all brokers; the others stand by. */
  isStandby: boolean
  /** The group wants at least and at most so many queues at this broker; 0 for no bound. */
  minQueues: number
  maxQueues: number
}

export const encodeRegister = (m: Register): Buffer =>
  new FieldWriter()
    .u32(m.id)
    .text(m.topic)
    .text(m.group)
    .u32(m.window)
    .u32(m.windowBytes)
    .u8(m.isStandby ? 1 : 0)
    .u16(m.minQueues)
    .u16(m.maxQueues)
    .done()

export const decodeRegister = (r: FieldReader): Register => ({
  id: r.u32('registration'),
  topic: r.text('topic', MAX_TOPIC),
  group: r.text('group', MAX_NAME),
  window: r.u32('window'),
  windowBytes: r.u32('window bytes'),
  isStandby: r.u8('register flags') === 1,
  minQueues: r.u16('min queues'),
  maxQueues: r.u16('max queues'),
})

/** A change of credit for a registration: another share of what the client grants over all brokers. */
export interface Window {
  id: number
  window: number
  windowBytes: number
}

export const encodeWindow = (m: Window): Buffer =>
  new FieldWriter().u32(m.id).u32(m.window).u32(m.windowBytes).done()

export const decodeWindow = (r: FieldReader): Window => ({
  id: r.u32('registration'),
  window: r.u32('window'),
  windowBytes: r.u32('window bytes'),
})

/** The queue is writable, or (code not empty) the registration is refused. */
export interface Registered {
  id: number
  topic: number
  code: string
  message: string
}

export const encodeRegistered = (m: Registered): Buffer =>
  new FieldWriter().u32(m.id).u32(m.topic).text(m.code).text(m.message.slice(0, MAX_TEXT)).done()

export const decodeRegistered = (r: FieldReader): Registered => ({
  id: r.u32('registration'),
  topic: r.u32('topic handle'),
  code: r.text('code', MAX_NAME),
  message: r.text('message', MAX_TEXT * 4),
})

/** A broker gives a queue to a registration; it is writable once the client has confirmed. */
export interface Assign {
  id: number
  topic: number
  queue: number
  epoch: number
  /** How long the ownership lasts without acknowledgement of life. */
  leaseMs: number
}

export const encodeAssign = (m: Assign): Buffer =>
  new FieldWriter().u32(m.id).u32(m.topic).u32(m.queue).u64(m.epoch).u32(m.leaseMs).done()

export const decodeAssign = (r: FieldReader): Assign => ({
  id: r.u32('registration'),
  topic: r.u32('topic handle'),
  queue: r.u32('queue'),
  epoch: r.u64('epoch'),
  leaseMs: r.u32('lease ms'),
})

/** One queue in one epoch: the client owns it (assigned), may no longer (revoke), has let it go (revoked). */
export interface Assigned {
  queue: number
  epoch: number
}

export const encodeAssigned = (m: Assigned): Buffer =>
  new FieldWriter().u32(m.queue).u64(m.epoch).done()

export const decodeAssigned = (r: FieldReader): Assigned => ({
  queue: r.u32('queue'),
  epoch: r.u64('epoch'),
})

/** How an instance stands for an active/standby topic: what a broker should know before it votes. */
export const Standing = {
  /** Linked to too few brokers to become the active one: votes would be lost on it. */
  out: 0,
  ready: 1,
  active: 2,
} as const
export type Standing = (typeof Standing)[keyof typeof Standing]

export interface StandingNews {
  id: number
  standing: Standing
  /** Brokers in the client's list, of which a majority decides. */
  brokers: number
}

export const encodeStanding = (m: StandingNews): Buffer =>
  new FieldWriter().u32(m.id).u8(m.standing).u16(m.brokers).done()

export const decodeStanding = (r: FieldReader): StandingNews => ({
  id: r.u32('registration'),
  standing: standingOf(r.u8('standing')),
  brokers: r.u16('brokers'),
})

const standingOf = (standing: number): Standing => {
  if (standing > Standing.active) throw new WireError(`standing ${standing} is none`)
  return standing as Standing
}

/** One number: the registration of unregister and unregistered, the queue of recall. */
export const encodeNumber = (n: number): Buffer => new FieldWriter().u32(n).done()
export const decodeNumber = (r: FieldReader): number => r.u32('number')

export const encodeTopic = (topic: string): Buffer => new FieldWriter().text(topic).done()
export const decodeTopic = (r: FieldReader): string => r.text('topic', MAX_TOPIC)

export interface RouteEntry {
  queue: number
  epoch: number
  state: number
  /** Handle and id of the instance that owns the queue. */
  owner: number
  instance: string
  idc: string
  label: string
}

/** The queues of a topic, all of them or what changed since the last such frame on this link. */
export interface Routes {
  topic: string
  handle: number
  isFull: boolean
  /** Why there are no routes, for a topic this session may not use; otherwise empty. */
  code: string
  group: string
  settlingMs: number
  entries: RouteEntry[]
}

/** Entries in one frame; more go in further frames. */
export const ROUTES_PAGE = 200
const LEAST_ENTRY = 4 + 8 + 1 + 4 + 6

export const encodeRoutes = (m: Routes): Buffer => {
  const w = new FieldWriter()
    .text(m.topic)
    .u32(m.handle)
    .u8(m.isFull ? 1 : 0)
    .text(m.code)
    .text(m.group)
    .u32(m.settlingMs)
    .u16(m.entries.length)
  for (const e of m.entries) {
    w.u32(e.queue).u64(e.epoch).u8(e.state).u32(e.owner)
    w.text(e.instance).text(e.idc).text(e.label)
  }
  return w.done()
}

export const decodeRoutes = (r: FieldReader): Routes => {
  const head = {
    topic: r.text('topic', MAX_TOPIC),
    handle: r.u32('topic handle'),
    isFull: r.u8('routes flags') === 1,
    code: r.text('code', MAX_NAME),
    group: r.text('group', MAX_NAME),
    settlingMs: r.u32('settling ms'),
  }
  const count = r.u16('routes')
  if (count * LEAST_ENTRY > r.left) throw new WireError(`${count} routes in ${r.left} bytes`)
  const entries: RouteEntry[] = []
  for (let i = 0; i < count; i++) {
    entries.push({
      queue: r.u32('queue'),
      epoch: r.u64('epoch'),
      state: r.u8('state'),
      owner: r.u32('owner'),
      instance: r.text('instance', MAX_ID),
      idc: r.text('idc', MAX_NAME),
      label: r.text('label', MAX_NAME),
    })
  }
  return { ...head, entries }
}

/** Deliveries that a resuming responder still holds, by the numbers the broker gave them. */
export const RESUME_PAGE = 8_000

export const encodeResume = (deliveries: readonly number[], isLast: boolean): Buffer => {
  const w = new FieldWriter().u8(isLast ? 1 : 0).u16(deliveries.length)
  for (const delivery of deliveries) w.u32(delivery)
  return w.done()
}

export const decodeResume = (r: FieldReader): { isLast: boolean; deliveries: number[] } => {
  const isLast = r.u8('resume flags') === 1
  const count = r.u16('deliveries')
  if (count * 4 > r.left) throw new WireError(`${count} deliveries in ${r.left} bytes`)
  const deliveries: number[] = []
  for (let i = 0; i < count; i++) deliveries.push(r.u32('delivery'))
  return { isLast, deliveries }
}
