import { createSecureContext } from 'node:tls'
import { messageOf } from '../codec.ts'
import { invalid } from '../errors.ts'

export interface Pems {
  ca?: string | Buffer | undefined
  cert?: string | Buffer | undefined
  key?: string | Buffer | undefined
}

/** Throws `invalid_argument` unless these are certificates, and the key fits its own. */
export const checkPems = ({ ca, cert, key }: Pems): void => {
  // OpenSSL passes over authorities that are none, and then trusts nobody.
  if (ca !== undefined && !ca.includes('-----BEGIN')) {
    throw invalid('tls', 'has authorities that are not PEM')
  }
  try {
    createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    })
  } catch (error) {
    throw invalid('tls', `is not valid: ${messageOf(error)}`)
  }
}
