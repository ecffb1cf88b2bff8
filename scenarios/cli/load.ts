/** `finbus start --load N`: sample services and callers of each IDC, in processes of their own. */
import { fileURLToPath } from 'node:url'
import type { Log } from '../../rr-client/index.ts'
import { tokenOf } from './client.ts'
import { UsageError } from './failure.ts'
import { KeptProcess } from './kept-process.ts'
import { retold } from './log.ts'
import { environmentOf, type Settings } from './settings.ts'

const MAIN = fileURLToPath(new URL('../load/main.js', import.meta.url))
const STOP_MS = 3_000

export interface LoadFacts {
  /** Calls a second, of all IDCs together. */
  rate: number
  idcs: readonly string[]
  /** Where the brokers are. */
  target: { url: readonly string[] } | { registry: readonly string[] }
  settings: Settings
  isJson: boolean
  log: Log
}

/** Said before anything is started. */
export const checkLoad = (settings: Settings): void => {
  if (settings.load === undefined || settings.tokens === undefined) return
  if (tokenOf(settings) !== undefined) return
  throw new UsageError(
    '--load with --tokens needs --token-file or FINBUS_TOKEN: its clients show a token to the brokers',
  )
}

export class Load {
  readonly #services: readonly KeptProcess[]
  readonly #callers: readonly KeptProcess[]

  constructor({ rate, idcs, target, settings, isJson, log }: LoadFacts) {
    const keep = (name: string, idc: string, args: readonly string[]): KeptProcess => {
      const env = environmentFor(settings, idc, target)
      const onLine = (line: string): void => {
        process.stderr.write(isJson ? `${line}\n` : `${name} | ${retold(line)}\n`)
      }
      return new KeptProcess({ name, file: MAIN, listen: '', args: () => args, env }, log, onLine)
    }
    this.#services = idcs.map((idc) => keep(`services-${idc}`, idc, ['services']))
    this.#callers = idcs.map((idc) =>
      keep(`callers-${idc}`, idc, ['callers', `${rate / idcs.length}`]),
    )
  }

  /** Resolves when all of them are at it; nobody calls before everybody answers. */
  async start(): Promise<void> {
    await Promise.all(this.#services.map((process) => process.start()))
    await Promise.all(this.#callers.map((process) => process.start()))
  }

  /** What is called is still answered while callers end. */
  async stop(): Promise<void> {
    await Promise.all(this.#callers.map((process) => process.stop(STOP_MS)))
    await Promise.all(this.#services.map((process) => process.stop(STOP_MS)))
  }

  /** Works in an exit handler. */
  kill(): void {
    for (const process of [...this.#callers, ...this.#services]) process.kill()
  }
}

/** What makes a client: a token, an authority, and where the brokers are. The rest is the brokers'. */
const environmentFor = (
  { token, tokenFile, tlsCa, connectTimeout }: Settings,
  idc: string,
  target: LoadFacts['target'],
): NodeJS.ProcessEnv => {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('FINBUS_'))
  const where = 'url' in target ? { url: [...target.url] } : { registry: [...target.registry] }
  const client: Partial<Settings> = { idc, ...where, tokenFile, tlsCa, connectTimeout }
  return {
    ...Object.fromEntries(others),
    ...environmentOf({ ...client, ...(token === undefined ? {} : { token }) } as Settings),
  }
}
