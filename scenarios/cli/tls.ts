/** PEM files, checked before anything is started with them. */
import { createSecureContext } from 'node:tls'
import { messageOf, UsageError } from './failure.ts'
import { readTextFile } from './settings.ts'

export interface Identity {
  cert: string
  key: string
}

/** Certificate and key, if named; a UsageError when one is missing or they are not a pair. */
export const readIdentity = (
  certFile: string | undefined,
  keyFile: string | undefined,
): Identity | undefined => {
  if (certFile === undefined && keyFile === undefined) return undefined
  if (certFile === undefined || keyFile === undefined) {
    throw new UsageError('--tls-cert and --tls-key go together')
  }
  const cert = readTextFile(certFile, 'TLS certificate')
  const key = readTextFile(keyFile, 'TLS key')
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    throw new UsageError(
      `${certFile} and ${keyFile} are no certificate and its key in PEM: ${messageOf(error)}`,
    )
  }
  return { cert, key }
}

/** The certificates of an authority, if named. */
export const readAuthority = (file: string | undefined): string | undefined => {
  if (file === undefined) return undefined
  const pem = readTextFile(file, 'TLS authority')
  // Node takes anything here, and then trusts nobody.
  if (!/-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/.test(pem)) {
    throw new UsageError(`${file} holds no certificate in PEM`)
  }
  return pem
}
