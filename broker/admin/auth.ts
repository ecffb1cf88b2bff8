import type { IncomingMessage } from 'node:http'
import { isName } from '../../bus/names.ts'
import { isLoopback } from '../../bus/urls.ts'
import type { Grant } from '../core/session.ts'
import type { Tokens } from '../tokens.ts'
import { AdminRefusal } from './refusal.ts'

/** What a caller showed, to be shown to other brokers for what is passed on. */
export interface Credentials {
  readonly authorization: string | undefined
  readonly operator: string | undefined
}

export interface Caller {
  readonly who: string
  /** Undefined: there are no tokens, and everybody may do everything. */
  readonly grant: Grant | undefined
  readonly credentials: Credentials
}

/** Where there are no tokens operators say who they are by this header. */
export const OPERATOR_HEADER = 'x-finbus-operator'
/** Who acts without a name where there are no tokens. */
const LOCAL = 'local'

/** Who may see and do what at the admin API. */
export class Auth {
  readonly #tokens: Tokens
  readonly #hasTokens: boolean

  constructor(tokens: Tokens, hasTokens: boolean) {
    this.#tokens = tokens
    this.#hasTokens = hasTokens
  }

  /** Keeps pages of others in the browser of somebody on this machine from reading or acting here. */
  guard({ headers }: IncomingMessage): void {
    const { host = '', origin } = headers
    // A name that somebody else points at this machine would make his page one of ours.
    if (!this.#hasTokens && !isLoopback(host.replace(/:\d+$/, ''))) {
      const message = `without tokens the host must be a loopback name, such as 127.0.0.1; got ${shown(host)}`
      throw new AdminRefusal('forbidden', message)
    }
    // Without an Origin, such as for images: nothing could be read, but each holds or costs something.
    const isForeign = headers['sec-fetch-site'] === 'cross-site'
    if (isForeign && headers['sec-fetch-mode'] !== 'navigate') {
      throw new AdminRefusal('forbidden', 'pages of other sites are not served here')
    }
    if (origin !== undefined && hostOf(origin) !== host.toLowerCase()) {
      throw new AdminRefusal('forbidden', `pages of ${shown(origin)} are not served here`)
    }
  }

  /** Who asks. Throws a refusal if nobody knows. */
  caller({ headers }: IncomingMessage): Caller {
    const { authorization } = headers
    const said = headers[OPERATOR_HEADER]?.toString()
    const operator = said !== undefined && isName(said) ? said : undefined
    const credentials = { authorization, operator }
    if (!this.#hasTokens) {
      if (said !== operator) {
        const message = `${OPERATOR_HEADER} must be 1 to 64 letters, digits, _ . and -; got ${shown(said ?? '')}`
        throw new AdminRefusal('invalid_argument', message)
      }
      return { who: operator ?? LOCAL, grant: undefined, credentials }
    }
    const token = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? ''
    const grant = this.#tokens.authenticate(token)?.grant
    if (grant === undefined) {
      const message = token === '' ? 'this broker asks for a token' : 'unknown token'
      throw new AdminRefusal('unauthenticated', message)
    }
    return { who: grant.name, grant, credentials }
  }

  /** Throws a refusal unless the caller may look, or act. */
  check({ who, grant }: Caller, need: 'look' | 'act'): void {
    if (grant === undefined || grant.admin === 'act' || grant.admin === need) return
    const message = `the token of ${who} may not ${need} here: its grant would need admin: "${need}"`
    throw new AdminRefusal('forbidden', message)
  }
}

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined

const shown = (text: string): string => JSON.stringify(text.slice(0, 80))
