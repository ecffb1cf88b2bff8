/** The world of `npm start`: a broker, the accounts service in its own process, and its books. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Broker, startBroker } from '../../broker/index.ts'
import { ServiceProcess } from './service-process.ts'

const HOST = '127.0.0.1'
export const DEFAULT_PORT = 7_400

export interface WorldOptions {
  /** Without one the default is tried, and any free port if it is taken. */
  port?: number
  /** Without one the books live in a temporary folder and end with this process. */
  journal?: string
  say: (line: string) => void
}

export class World {
  readonly broker: Broker
  readonly service: ServiceProcess
  readonly journal: string
  readonly #folder: string | undefined

  static async start(options: WorldOptions): Promise<World> {
    const { say } = options
    const broker = await startOn(options.port, say)
    let folder: string | undefined
    try {
      if (options.journal === undefined) folder = await mkdtemp(join(tmpdir(), 'finbus-'))
      const journal = options.journal ?? join(folder ?? '', 'ledger.jsonl')
      const service = await ServiceProcess.start({ url: broker.url, journal, say })
      return new World(broker, service, journal, folder)
    } catch (error) {
      await broker.close()
      await removeFolder(folder)
      throw error
    }
  }

  private constructor(
    broker: Broker,
    service: ServiceProcess,
    journal: string,
    folder: string | undefined,
  ) {
    this.broker = broker
    this.service = service
    this.journal = journal
    this.#folder = folder
  }

  /** The service first: what it still answers goes through the broker. */
  async close(): Promise<void> {
    await this.service.stop()
    await this.broker.close()
    await removeFolder(this.#folder)
  }
}

const startOn = async (port: number | undefined, say: (line: string) => void): Promise<Broker> => {
  try {
    return await start(port ?? DEFAULT_PORT)
  } catch (error) {
    // A port that was asked for is used or refused, never swapped.
    if (port !== undefined || !isTaken(error)) throw error
    say(`Port ${DEFAULT_PORT} is taken, so the broker uses a free one.`)
    return start(0)
  }
}

const start = (port: number): Promise<Broker> =>
  // A first broker has no former life whose clients could still be on their way back.
  startBroker({ listen: `ws://${HOST}:${port}`, warmUpMs: 0 })

const isTaken = (error: unknown): boolean => {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ((at as NodeJS.ErrnoException).code === 'EADDRINUSE') return true
  }
  return false
}

const removeFolder = async (folder: string | undefined): Promise<void> => {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
}
