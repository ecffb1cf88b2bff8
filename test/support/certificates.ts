/** A certificate authority for a story, and what it signed. */
import { generate } from 'selfsigned'

export interface Certificates {
  ca: string
  server: { cert: string; key: string }
  client: { cert: string; key: string }
}

const signed = async (
  commonName: string,
  ca: { cert: string; key: string } | undefined,
): Promise<{ cert: string; key: string }> => {
  const isCa = ca === undefined
  const made = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + 3_600_000),
    ...(isCa ? {} : { ca }),
    extensions: isCa
      ? [
          { name: 'basicConstraints', cA: true, critical: true },
          { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true },
        ]
      : [
          { name: 'basicConstraints', cA: false },
          { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
          { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
          {
            name: 'subjectAltName',
            altNames: [
              { type: 2, value: 'localhost' },
              { type: 7, ip: '127.0.0.1' },
            ],
          },
        ],
  })
  return { cert: made.cert, key: made.private }
}

export const certificates = async (): Promise<Certificates> => {
  const ca = await signed('finbus test authority', undefined)
  const [server, client] = await Promise.all([signed('localhost', ca), signed('accounts-1', ca)])
  return { ca: ca.cert, server, client }
}
