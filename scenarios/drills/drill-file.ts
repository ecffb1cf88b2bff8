/**
 * A drill in a file of somebody's own: JSON, or a module whose default export it is. The module is
 * loaded in a thread that is ended afterwards, so that whatever it leaves running ends with it.
 */
import { existsSync, readFileSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { type Drill, DrillError, readDrill } from './drill.ts'

const LOAD_MS = 10_000
const MODULES = ['.mjs', '.js']
const JSON_FILE = '.json'

/** The name of a drill has no dot and no slash. */
export const isDrillFile = (name: string): boolean => /[./\\]/.test(name)

/** Reads the drill in that file. Throws `DrillError` with what is wrong, and where. */
export const readDrillFile = async (path: string): Promise<Drill> => {
  const file = resolve(path)
  if (!existsSync(file)) throw new DrillError(`there is no file ${path}`)
  const text = await load(path, file)
  try {
    return readDrill(text)
  } catch (error) {
    if (error instanceof DrillError) throw new DrillError(`${path}: ${error.message}`)
    throw error
  }
}

const load = (path: string, file: string): Promise<unknown> | unknown => {
  const kind = extname(file)
  if (kind === JSON_FILE) return parsed(path, file)
  if (MODULES.includes(kind)) return exported(path, file)
  throw new DrillError(`${path}: a drill is a .json, .mjs or .js file`)
}

const parsed = (path: string, file: string): unknown => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new DrillError(`${path} is not JSON: ${(error as Error).message}`)
  }
}

interface Loaded {
  readonly value?: unknown
  readonly error?: string
}

/** Source of the thread: what it is to load it is told, for no text here can name it. */
const LOADER = `
const { parentPort, workerData } = require('node:worker_threads')
const told = (error) => {
  const place = error instanceof SyntaxError ? String(error.stack).split('\\n')[0] + ': ' : ''
  return place + String(error instanceof Error ? error.message : error)
}
import(workerData)
  .then((module) => {
    if (!('default' in module)) throw new Error('it has no default export')
    parentPort.postMessage({ value: module.default })
  })
  .catch((error) => parentPort.postMessage({ error: told(error) }))
`

const exported = async (path: string, file: string): Promise<unknown> => {
  const workerData = pathToFileURL(file).href
  const worker = new Worker(LOADER, { eval: true, workerData, stdout: true })
  // What it prints must not get into a report on stdout.
  worker.stdout.pipe(process.stderr, { end: false })
  let timer: NodeJS.Timeout | undefined
  try {
    const { value, error } = await new Promise<Loaded>((resolve) => {
      worker.once('message', resolve)
      worker.once('error', (error: Error) => resolve({ error: error.message }))
      worker.once('exit', (code) => resolve({ error: `it ended with exit code ${code}` }))
      const isLate = { error: `it did not load within ${LOAD_MS / 1_000} s` }
      timer = setTimeout(() => resolve(isLate), LOAD_MS)
    })
    if (error !== undefined) throw new DrillError(`${path} cannot be loaded: ${error}`)
    return value
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}
