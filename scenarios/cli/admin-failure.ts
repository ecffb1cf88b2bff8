/** What it means when the admin API says no, or is not there, and what to do. */
import { z } from 'zod'
import { DEFAULT_ADMIN } from './defaults.ts'
import { Failure, messageOf } from './failure.ts'

const REFUSAL = z.looseObject({
  error: z.looseObject({
    code: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
})

const NOBODY = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'])
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO/

/** Nothing was answered. */
export const notThere = (url: string, error: Error): Failure => {
  const { code = '' } = error as NodeJS.ErrnoException
  const facts = { code: 'not_connected', admin: url }
  if (NOBODY.has(code)) {
    const where = url === DEFAULT_ADMIN ? '' : ` --admin ${url}`
    const remedy = `\`finbus start${where}\` runs a broker with an admin API there; --admin or FINBUS_ADMIN says where it is.`
    return new Failure(`nobody listens at ${url} (${code})`, { cause: error, facts, remedy })
  }
  const remedy = UNTRUSTED.test(code)
    ? '--tls-ca FILE names the authority that signed its certificate.'
    : 'Is it the admin API, http:// or https://? The port of a broker itself is another one.'
  const why = messageOf(error)
  return new Failure(`${url} gave no answer: ${why}`, { cause: error, facts, remedy })
}

const REMEDIES: Readonly<Record<number, string>> = {
  401: 'It asks for a token it knows: --token-file FILE or FINBUS_TOKEN.',
  403: 'To act takes a token whose grant has "admin": "act"; to look, "look". From elsewhere than loopback it takes a token.',
  409: 'See `finbus audit`; --replace overrules the other word.',
  429: 'Too many requests at once: try again in a moment.',
  503: 'It cannot do that now: `finbus top --once` shows how the brokers stand.',
}

/** No `--replace` helps: the word that stands is about more. */
const BROADER =
  "Say `finbus restore IDC` without --topic, or `finbus force '*' --what queues --to auto` with what the word names."

/** It answered, with a refusal. */
export const refusalOf = (
  url: string,
  status: number,
  body: string,
  retryAfter: string | undefined,
): Failure => {
  const told = parsed(body)
  if (told === undefined) {
    return new Failure(
      `${url} is no admin API of finbus: it answers ${status} without saying why`,
      {
        facts: { status },
      },
    )
  }
  const { code, message, details } = told
  const wait = retryAfter === undefined ? '' : ` Retry after ${retryAfter} s.`
  const isBroader = details?.isBroader === true
  const remedy = isBroader ? BROADER : REMEDIES[status]
  return new Failure(`${code}: ${message}`, {
    facts: { code, status, ...(details === undefined ? {} : { details }) },
    ...(remedy === undefined ? {} : { remedy: remedy + wait }),
  })
}

const parsed = (body: string): z.output<typeof REFUSAL>['error'] | undefined => {
  try {
    return REFUSAL.parse(JSON.parse(body)).error
  } catch {
    return undefined
  }
}
