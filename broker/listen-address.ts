import { invalid } from '../bus/errors.ts'
import { isLoopback } from '../bus/urls.ts'

/** Where to listen on TCP. */
export interface TcpAddress {
  readonly host: string
  readonly port: number
  readonly isTls: boolean
}

/** Who listens: what it is called, how its addresses begin, and what guards it. */
export interface Listening {
  readonly what: string
  /** What the option is called. Default `listen`. */
  readonly option?: string
  /** The scheme without TLS; with it there is an `s` behind. */
  readonly scheme: string
  readonly port: number
  /** What an address must look like. */
  readonly rule: string
  readonly hasTls: boolean
  readonly hasTokens: boolean
}

/** Parses `listen`. TLS must be asked for and given; off loopback it takes TLS and tokens. */
export const parseTcp = (listen: string, by: Listening): TcpAddress => {
  const { what, option = 'listen', scheme, rule, hasTls, hasTokens } = by
  const match = /^([a-z]+):\/\/([^/:]+|\[[^\]]+\])(?::(\d{1,5}))?\/?$/.exec(listen)
  const port = Number(match?.[3] ?? by.port)
  const isTls = match?.[1] === `${scheme}s`
  if (match === null || port > 65_535 || (!isTls && match[1] !== scheme)) {
    throw invalid(option, rule, listen)
  }
  if (isTls && !hasTls) throw invalid(option, `${scheme}s needs the option tls (cert and key)`)
  if (!isTls && hasTls) throw invalid(option, `must be ${scheme}s:// when tls is given`, listen)
  const host = match[2]!.replace(/^\[|\]$/g, '')
  if (!isLoopback(host) && !(isTls && hasTokens)) {
    const message = `${host} is not loopback: there a ${what} starts only with tls and tokens`
    throw invalid(option, message)
  }
  return { host, port, isTls }
}
