import { readdirSync, readFileSync } from 'node:fs'
import { extname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the build puts the dashboard. */
const BUILT = fileURLToPath(new URL('../dashboard/', import.meta.url))
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
}
const GUARDS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
}
/** A name with a hash of what is in it. */
const HASHED = /-[\w-]{8,}\.\w+$/
const MAX_FILES = 500
const MISSING = `This is the admin API of a finbus broker. The dashboard is not here: this copy was built without it.
Build it with "npm run build". The API is described at /v1/openapi.json.
`

interface PageServer {
  get(path: string, answer: () => Response): unknown
}

interface Page {
  readonly type: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly isHashed: boolean
}

/**
 * Serves the dashboard: the files that were there at the start, and no others. They hold no secret,
 * so they are there for everybody; what the page shows it asks for with a token.
 */
export const addPages = (app: PageServer, folder = BUILT): void => {
  const pages = readPages(folder)
  const send = (page: Page): Response =>
    new Response(page.bytes, {
      headers: {
        ...GUARDS,
        'content-type': page.type,
        'cache-control': page.isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
      },
    })
  const missing = (): Response =>
    new Response(MISSING, {
      headers: {
        ...GUARDS,
        'content-type': 'text/plain; charset=utf-8',
        'cache-control': 'no-store',
      },
    })
  const index = pages.get('/index.html')
  app.get('/', () => (index === undefined ? missing() : send(index)))
  for (const [path, page] of pages) app.get(path, () => send(page))
}

/** By their paths in urls. A folder that is not there has none. */
const readPages = (folder: string): Map<string, Page> => {
  const pages = new Map<string, Page>()
  const read = (under: string): void => {
    for (const entry of readdirSync(join(folder, under), { withFileTypes: true })) {
      const path = posix.join(under, entry.name)
      if (entry.isDirectory()) read(path)
      const type = TYPES[extname(entry.name)]
      if (!entry.isFile() || type === undefined || pages.size >= MAX_FILES) continue
      const bytes = new Uint8Array(readFileSync(join(folder, path)))
      pages.set(`/${path}`, { type, bytes, isHashed: HASHED.test(entry.name) })
    }
  }
  try {
    read('')
  } catch {
    return new Map()
  }
  return pages
}
