/** The frames that open and end a link. */
import { type FieldReader, FieldWriter } from './bytes.ts'
import { MAX_TEXT } from './frame.ts'
import { MAX_NAME } from './names.ts'

/** Longest id, secret or reply topic in bytes; nanoid draws 21 to 32. */
export const MAX_ID = 64
const MAX_TOKEN = 4_096

/** The first frame of every link, from the client. */
export interface Hello {
  minVersion: number
  maxVersion: number
  /** One life of one client object, the same at every broker. */
  instance: string
  /** Proves on a later link that it is the same client. In no id, log or trace. */
  secret: string
  /** Where this instance's replies go. */
  replyTopic: string
  name: string
  idc: string
  label: string
  token: string
  /** The client was linked to another life of this broker before: the broker was restarted. */
  knewAnotherLife: boolean
}

export const encodeHello = (hello: Hello): Buffer =>
  new FieldWriter()
    .u16(hello.minVersion)
    .u16(hello.maxVersion)
    .text(hello.instance)
    .text(hello.secret)
    .text(hello.replyTopic)
    .text(hello.name)
    .text(hello.idc)
    .text(hello.label)
    .text(hello.token)
    .u8(hello.knewAnotherLife ? 1 : 0)
    .done()

export const decodeHello = (r: FieldReader): Hello => ({
  minVersion: r.u16('min version'),
  maxVersion: r.u16('max version'),
  instance: r.text('instance', MAX_ID),
  secret: r.text('secret', MAX_ID),
  replyTopic: r.text('reply topic', MAX_ID),
  name: r.text('name', MAX_NAME),
  idc: r.text('idc', MAX_NAME),
  label: r.text('label', MAX_NAME),
  token: r.text('token', MAX_TOKEN),
  knewAnotherLife: r.u8('hello flags') === 1,
})

/** The broker's answer to a hello. */
export interface Welcome {
  version: number
  broker: string
  idc: string
  /** One life of one broker process; handles and epochs mean something only within it. */
  life: number
  /** This client's handle in that life. */
  handle: number
  isResumed: boolean
  /** For so long a topic without responder is not yet without responder (restarted broker). */
  settlingMs: number
  maxBodyBytes: number
}

export const encodeWelcome = (welcome: Welcome): Buffer =>
  new FieldWriter()
    .u16(welcome.version)
    .text(welcome.broker)
    .text(welcome.idc)
    .u64(welcome.life)
    .u32(welcome.handle)
    .u8(welcome.isResumed ? 1 : 0)
    .u32(welcome.settlingMs)
    .u32(welcome.maxBodyBytes)
    .done()

export const decodeWelcome = (r: FieldReader): Welcome => ({
  version: r.u16('version'),
  broker: r.text('broker', MAX_ID),
  idc: r.text('idc', MAX_NAME),
  life: r.u64('life'),
  handle: r.u32('handle'),
  isResumed: r.u8('welcome flags') === 1,
  settlingMs: r.u32('settling ms'),
  maxBodyBytes: r.u32('max body bytes'),
})

/** The broker's "no" to a hello or a link; the link is closed after it. */
export interface Reject {
  code: string
  message: string
}

export const encodeReject = (reject: Reject): Buffer =>
  new FieldWriter().text(reject.code).text(reject.message.slice(0, MAX_TEXT)).done()

export const decodeReject = (r: FieldReader): Reject => ({
  code: r.text('code', MAX_NAME),
  message: r.text('message', MAX_TEXT * 4),
})

/** Introduces a handle before it is first used on a link; an empty instance says it is gone. */
export interface PeerNews {
  handle: number
  instance: string
  /** Empty when the receiver is a requester, who never sends replies there. */
  replyTopic: string
}

export const encodePeer = (peer: PeerNews): Buffer =>
  new FieldWriter().u32(peer.handle).text(peer.instance).text(peer.replyTopic).done()

export const decodePeer = (r: FieldReader): PeerNews => ({
  handle: r.u32('handle'),
  instance: r.text('instance', MAX_ID),
  replyTopic: r.text('reply topic', MAX_ID),
})
