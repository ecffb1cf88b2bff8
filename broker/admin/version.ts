import { readFileSync } from 'node:fs'
import { z } from 'zod'

const PACKAGE = z.object({ version: z.string() })

/** The version of this package, as its `package.json` says it. */
export const packageVersion = (): string => {
  const path = new URL('../../../package.json', import.meta.url)
  return PACKAGE.parse(JSON.parse(readFileSync(path, 'utf8'))).version
}
