/** Checks what users pass to `startRegistry`, and fills in the defaults. */
import { z } from 'zod'
import { invalid } from '../../bus/errors.ts'
import { checkOptions, PEM } from '../../bus/io/options.ts'
import { checkPems } from '../../bus/io/tls.ts'
import { isRegistryUrl, REGISTRY_URL_RULE } from '../../bus/urls.ts'
import { parseTcp, type TcpAddress } from '../listen-address.ts'
import { TOKEN_GRANTS } from '../options.ts'
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
  const checked = checkOptions('registry', REGISTRY, options)
  if (checked.tls !== undefined) checkPems(checked.tls)
  return checked
}

/** Parses `listen`; off loopback it must be guarded as a broker must be. */
export const parseRegistryListen = ({ listen, tls, tokens }: CheckedRegistry): TcpAddress => {
  if (!isRegistryUrl(listen)) throw invalid('listen', REGISTRY_URL_RULE, listen)
  return parseTcp(listen, {
    ...{ what: 'registry', scheme: 'http', port: 7_470, rule: REGISTRY_URL_RULE },
    ...{ hasTls: tls !== undefined, hasTokens: tokens !== undefined },
  })
}
