/** Checks what users pass to `startRegistry`, and fills in the defaults. */
import { z } from 'zod'
import { invalid } from '../../bus/errors.ts'
import { checkPems } from '../../bus/io/tls.ts'
import { didYouMean } from '../../bus/suggest.ts'
import { isRegistryUrl, REGISTRY_URL_RULE } from '../../bus/urls.ts'
import { checkGuarded, PEM, TOKEN_GRANTS } from '../options.ts'
import type { RegistryOptions } from './api.ts'

const TLS = z.strictObject({ cert: PEM, key: PEM })

const REGISTRY = z.strictObject({
  listen: z.string().default('http://127.0.0.1:7470'),
  tls: TLS.optional(),
  tokens: z.union([z.string().min(1), TOKEN_GRANTS]).optional(),
  logger: z.custom<RegistryOptions['logger']>((value) => typeof value === 'object').optional(),
  leaseMs: z.number().int().min(300).max(600_000).default(6_000),
})

export type CheckedRegistry = z.infer<typeof REGISTRY>

export const checkRegistry = (options: RegistryOptions): CheckedRegistry => {
  const parsed = REGISTRY.safeParse(options)
  if (!parsed.success) throw optionError(parsed.error.issues[0]!)
  const { tls } = parsed.data
  if (tls !== undefined) checkPems({ cert: tls.cert, key: tls.key })
  return parsed.data
}

const optionError = (issue: z.core.$ZodIssue) => {
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0]!
    const isInTls = issue.path[0] === 'tls'
    const hint = didYouMean(key, Object.keys((isInTls ? TLS : REGISTRY).shape))
    const where = isInTls ? ' in tls' : ''
    return invalid('registry option', `${JSON.stringify(key)}${where} is unknown${hint}`)
  }
  return invalid(`registry option ${issue.path.join('.')}`, `is not valid: ${issue.message}`)
}

/** Where a registry listens. */
export interface RegistryAddress {
  host: string
  port: number
  isTls: boolean
}

/** Parses `listen`; off loopback it must be guarded as a broker must be. */
export const parseRegistryListen = ({ listen, tls, tokens }: CheckedRegistry): RegistryAddress => {
  const match = /^(https?):\/\/([^/:]+|\[[^\]]+\])(?::(\d{1,5}))?\/?$/.exec(listen)
  const port = Number(match?.[3] ?? 7_470)
  if (match === null || port > 65_535 || !isRegistryUrl(listen)) {
    throw invalid('listen', REGISTRY_URL_RULE, listen)
  }
  const isTls = match[1] === 'https'
  const host = match[2]!.replace(/^\[|\]$/g, '')
  if (isTls && tls === undefined) {
    throw invalid('listen', 'https needs the option tls (cert and key)')
  }
  if (!isTls && tls !== undefined) {
    throw invalid('listen', 'must be https:// when tls is given', listen)
  }
  checkGuarded('registry', host, isTls, tokens !== undefined)
  return { host, port, isTls }
}
