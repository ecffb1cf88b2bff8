import type { IncomingMessage } from 'node:http'
import type { z } from '@hono/zod-openapi'
import { didYouMean } from '../../bus/suggest.ts'
import { AdminRefusal } from './refusal.ts'
import { plainText } from './text.ts'

/** The JSON in a body. Throws a refusal if it is too large, is none, or does not say that it is. */
export const readJson = async (request: IncomingMessage, most: number): Promise<unknown> => {
  const type = request.headers['content-type'] ?? ''
  // Pages of others cannot say this without being asked first by the browser whether they may.
  if (!/^application\/json *(;|$)/i.test(type)) {
    const message = `content-type must be application/json; got ${JSON.stringify(type.slice(0, 80))}`
    throw new AdminRefusal('invalid_argument', message)
  }
  const text = await readText(request, most)
  try {
    return JSON.parse(text)
  } catch {
    throw new AdminRefusal('invalid_argument', 'the body is not JSON')
  }
}

const readText = (request: IncomingMessage, most: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let bytes = 0
    request.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes <= most) pieces.push(piece)
      else reject(new AdminRefusal('too_large', `the body must be at most ${most} bytes`))
    })
    request.once('end', () => resolve(Buffer.concat(pieces).toString('utf8')))
    const brokenOff = (): void =>
      reject(new AdminRefusal('invalid_argument', 'the body did not end'))
    request.once('error', brokenOff)
    // Says nothing new after the end.
    request.once('close', brokenOff)
  })

/** The value, checked. Throws a refusal that names the place and what would be right. */
export const checked = <S extends z.ZodObject>(
  what: string,
  schema: S,
  value: unknown,
): z.output<S> => {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0]!
    const hint = didYouMean(key, Object.keys(schema.shape))
    const message = `${what} has no ${JSON.stringify(key.slice(0, 80))}${hint}`
    throw new AdminRefusal('invalid_argument', message)
  }
  const place = issue.path.join('.')
  const got = plainText(shown(valueAt(value, issue.path)), 80)
  const message = `${place === '' ? what : place}: ${issue.message}; got ${got}`
  throw new AdminRefusal('invalid_argument', plainText(message))
}

const shown = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? 'nothing'
  } catch {
    return 'what is nested too deeply to be shown'
  }
}

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown => {
  let at = value
  for (const key of path) at = (at as Record<PropertyKey, unknown> | null | undefined)?.[key]
  return at
}
