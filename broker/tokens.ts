import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { messageOf } from '../bus/codec.ts'
import { invalid } from '../bus/errors.ts'
import type { Grant } from './core/session.ts'
import { type CheckedBroker, type CheckedGrant, TOKEN_GRANTS } from './options.ts'

interface Entry {
  readonly digest: Buffer
  readonly grant: Grant
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/**
 * The tokens of a broker. Several are valid at once, so that one can be replaced without a gap.
 * Comparison takes the same time whatever is right about a wrong one.
 */
export class Tokens {
  readonly #entries: Entry[] | undefined

  constructor(tokens: CheckedBroker['tokens']) {
    const grants = typeof tokens === 'string' ? readGrants(tokens) : tokens
    this.#entries = grants?.map(({ token, name, request, reply, admin }, index) => ({
      digest: digestOf(token),
      grant: { name: name ?? `token-${index + 1}`, request, reply, admin },
    }))
  }

  /** What the token opens; undefined if it is unknown. Without tokens everybody may do everything. */
  readonly authenticate = (token: string): { grant: Grant | undefined } | undefined => {
    if (this.#entries === undefined) return { grant: undefined }
    const digest = digestOf(token)
    let found: { grant: Grant } | undefined
    for (const entry of this.#entries) {
      if (timingSafeEqual(entry.digest, digest)) found = { grant: entry.grant }
    }
    return found
  }
}

const readGrants = (path: string): CheckedGrant[] => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid('tokens', `cannot be read from ${path}: ${messageOf(error)}`)
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    // The parser's message would show a piece of the file, and with it of a secret.
    throw invalid('tokens', `in ${path}: this is not JSON`)
  }
  const parsed = TOKEN_GRANTS.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  // The value is not shown: it may be a secret.
  throw invalid('tokens', `in ${path} at ${issue.path.join('.') || 'the top'}: ${issue.message}`)
}
