import { u32, u64 } from '../../bus/bytes.ts'
import { Flag, Request } from '../../bus/frame.ts'
import { decodeHeaders, OwnHeader } from '../../bus/headers.ts'
import type { BrokerLink } from './broker-link.ts'
import type { Registration } from './registration.ts'
import type { Registrations } from './registrations.ts'

/** What a request frame is for: by its headers if it is pinned, else by the queue it came through. */
export const addresseeOf = (
  instance: string,
  registrations: Registrations,
  link: BrokerLink,
  b: Buffer,
  at: number,
): Registration | undefined => {
  if ((b[at + Request.flags]! & Flag.pinned) !== 0) {
    const start = at + Request.head
    const headers = decodeHeaders(b, start, start + u32(b, at + Request.headersLength))
    if (headers[OwnHeader.to] !== instance) return undefined
    return registrations.byTopic(headers[OwnHeader.topic] ?? '')
  }
  const owned = registrations.ownedQueue(link, u32(b, at + Request.queue))
  if (owned === undefined || owned.epoch !== u64(b, at + Request.epoch)) return undefined
  if (u32(b, at + Request.target) !== link.handle || u64(b, at + Request.life) !== link.life) {
    return undefined
  }
  return owned.registration
}
