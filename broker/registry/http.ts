/** The HTTP of a registry, without what it means: JSON in, JSON out, and the words of a refusal. */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** Largest body that is read. */
const MAX_BODY = 16_384

/** A refusal: its status, a code for programs, and a sentence that says what would be right. */
export class Refused extends Error {
  readonly status: number
  readonly code: string
  readonly headers: Record<string, string>

  constructor(status: number, code: string, message: string, headers = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

export const sendJson = (
  response: ServerResponse,
  status: number,
  body: string | object,
  headers: Record<string, string> = {},
): void => {
  if (response.destroyed || response.headersSent) return
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(text)
}

export const sendRefusal = (
  request: IncomingMessage,
  response: ServerResponse,
  { status, code, message, headers }: Refused,
): void => {
  // What is left of a body is not worth keeping, and nothing else should come by this connection.
  const isRead = request.complete || !hasBody(request)
  const last: Record<string, string> = isRead ? {} : { connection: 'close' }
  sendJson(response, status, { error: { code, message } }, { ...headers, ...last })
  if (!isRead) request.resume()
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'

/** The body as text, once it is here; a Refused if it is too large or not text. */
export const readBody = (request: IncomingMessage): Promise<string> =>
  new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let bytes = 0
    request.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes <= MAX_BODY) pieces.push(piece)
      else reject(new Refused(413, 'too_large', `the body must be at most ${MAX_BODY} bytes`))
    })
    request.once('end', () => resolve(Buffer.concat(pieces).toString('utf8')))
    const brokenOff = (): void => reject(new Refused(400, 'broken_off', 'the body did not end'))
    request.once('error', brokenOff)
    // Says nothing new after the end.
    request.once('close', brokenOff)
  })
