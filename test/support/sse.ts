/** A listener to server-sent events, which may stop reading. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { type SentEvent, SseReader } from '../../broker/admin/sse-reader.ts'
import type { World } from './world.ts'

export interface Listening {
  readonly status: number
  readonly events: SentEvent[]
  /** Ids and data of entries. */
  readonly entries: () => { id: string; kind: string; text: string; n: number; broker: string }[]
  readonly response: IncomingMessage
  isOver: boolean
  stop(): void
}

/** Resolves when the head of the answer is here. */
export const listen = (
  world: World,
  url: string,
  lastEventId = '',
  { scope = 'broker', isReading = true } = {},
): Promise<Listening> =>
  new Promise((resolve, reject) => {
    const headers = lastEventId === '' ? {} : { 'last-event-id': lastEventId }
    const path = `${url}/v1/advisories?scope=${scope}`
    const asking: ClientRequest = request(path, { agent: false, headers }, (response) => {
      const events: SentEvent[] = []
      const reader = new SseReader((event) => events.push(event))
      const listening: Listening = {
        status: response.statusCode ?? 0,
        events,
        entries: () =>
          events
            .filter(({ event }) => event === 'entry')
            .map(({ id, data }) => ({ id, ...JSON.parse(data) })),
        response,
        isOver: false,
        stop: () => asking.destroy(),
      }
      response.setEncoding('utf8')
      response.on('error', () => {})
      response.once('close', () => {
        listening.isOver = true
      })
      if (isReading) response.on('data', (piece: string) => reader.read(piece))
      resolve(listening)
    })
    asking.on('error', reject)
    world.later(() => asking.destroy())
    asking.end()
  })
