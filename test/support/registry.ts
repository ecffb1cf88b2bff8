/** Registries of a story, and a hand to speak to them without a client. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type Server,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type Registry, type RegistryOptions, startRegistry } from '../../broker/index.ts'
import type { Advisory, Log } from '../../rr-client/index.ts'
import { strictLog, type World } from './world.ts'

export const registry = async (world: World, options: RegistryOptions = {}): Promise<Registry> => {
  const listen = 'http://127.0.0.1:0'
  const started = await startRegistry({ listen, logger: strictLog, ...options })
  world.later(() => started.close())
  return started
}

export interface Said {
  status: number
  body: { [key: string]: unknown; error?: { code: string; message: string } }
}

/** One request on a connection of its own. */
export const ask = (
  url: string,
  method: string,
  path: string,
  body?: string | object,
  headers: Record<string, string> = {},
): Promise<Said> =>
  new Promise((resolve, reject) => {
    const asking = request(`${url}${path}`, { method, agent: false, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        text += piece
      })
      response.once('error', reject)
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Said['body'] }),
      )
    })
    asking.once('error', reject)
    asking.end(typeof body === 'object' ? JSON.stringify(body) : body)
  })

export const announce = (url: string, announcement: object): Promise<Said> =>
  ask(url, 'POST', '/v1/brokers', announcement)

/** A logger, and the advisories it was given. */
export const listener = (): { told: Advisory[]; logger: Log } => {
  const told: Advisory[] = []
  const note = (fields: object): void => {
    told.push(fields as Advisory)
  }
  return { told, logger: { ...strictLog, info: note, warn: note } }
}

type Answer = (request: IncomingMessage) => { status?: number; text: string } | undefined

/** Something at the address of a registry that answers as it is told, or not at all. */
export const impostor = async (
  world: World,
  answer: Answer,
  tls?: { cert: string; key: string },
): Promise<string> => {
  const onRequest: RequestListener = (asked, response) => {
    const said = answer(asked)
    if (said === undefined) return
    response.writeHead(said.status ?? 200, { 'content-type': 'application/json' })
    response.end(said.text)
  }
  const server: Server =
    tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  world.later(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  })
  return `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`
}
