/**
 * A registry as one client sees it: the brokers in its answers are to be reached by ways of that client's
 * own, as behind an address translation, so that these can be hurt one by one. All else is passed through.
 */
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Endpoint } from './fault-proxy.ts'

/** A thousand brokers with eight urls each stay below it. */
const MAX_ANSWER_BYTES = 8 * 1_048_576

export class RegistryView {
  readonly #server: Server
  readonly #to: Endpoint
  readonly #urls: ReadonlyMap<string, string>

  private constructor(server: Server, to: Endpoint, urls: ReadonlyMap<string, string>) {
    this.#server = server
    this.#to = to
    this.#urls = urls
    server.on('request', (asked, answer) => this.#pass(asked, answer))
  }

  /** `brokers`: urls by the ids of brokers. */
  static async open(
    to: Endpoint,
    brokers: Readonly<Record<string, string>>,
  ): Promise<RegistryView> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new RegistryView(server, to, new Map(Object.entries(brokers)))
  }

  get endpoint(): Endpoint {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port }
  }

  #pass(asked: IncomingMessage, answer: ServerResponse): void {
    const { method, url: path, headers } = asked
    const { host, port } = this.#to
    const asking = request({ host, port, method, path, headers, agent: false })
    // A registry that is gone or breaks off is not there for the client either, and the other way round.
    asking.on('error', () => asked.socket.destroy())
    answer.on('close', () => asking.destroy())
    asked.pipe(asking)
    asking.on('response', (said) => {
      const pieces: Buffer[] = []
      let bytes = 0
      said.on('error', () => asked.socket.destroy())
      said.on('data', (piece: Buffer) => {
        bytes += piece.length
        if (bytes > MAX_ANSWER_BYTES) asked.socket.destroy()
        else pieces.push(piece)
      })
      said.on('end', () => {
        const body = this.#translated(Buffer.concat(pieces))
        const { 'transfer-encoding': _, ...kept } = said.headers
        answer.writeHead(said.statusCode ?? 502, { ...kept, 'content-length': body.length })
        answer.end(body)
      })
    })
  }

  #translated(body: Buffer): Buffer {
    try {
      const list = JSON.parse(body.toString()) as { brokers?: { id: string; urls: string[] }[] }
      for (const broker of list.brokers ?? []) {
        const url = this.#urls.get(broker.id)
        if (url !== undefined) broker.urls = [url]
      }
      return Buffer.from(JSON.stringify(list))
    } catch {
      // It is no JSON: not ours to judge.
      return body
    }
  }
}
