/** Where the repository's own files are, for code that runs from `dist/` or from anywhere else. */
import { existsSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const CREDIT_TRANSFER = join('scenarios', 'examples', 'credit-transfer.xml')

/** The pacs.008 that ships with the example, as a full path. */
export const creditTransferFile = (): string => join(repositoryRoot(), CREDIT_TRANSFER)

/** A path as one would type it here: relative when it is below, with forward slashes. */
export const asTyped = (path: string): string => {
  const short = relative(process.cwd(), path)
  return short.startsWith('..') ? path : short.split(sep).join('/')
}

const repositoryRoot = (): string => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder)
    if (above === folder) throw new Error('no package.json above the example: it was moved')
    folder = above
  }
  return folder
}
