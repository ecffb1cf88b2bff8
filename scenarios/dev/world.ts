/** The world of `npm start`: a broker, the accounts service in its own process, and its books. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AdminOptions, type Broker, startBroker } from '../../broker/index.ts'
import { defaultAdminOf, freeAddress } from '../cli/admin-address.ts'
import { TryIt } from '../cli/try-it.ts'
import { ServiceProcess } from './service-process.ts'
import { Teller } from './teller.ts'

const HOST = '127.0.0.1'
export const DEFAULT_PORT = 7_400

export interface WorldOptions {
  /** Without one the default is tried, and any free port if it is taken. */
  port?: number
  /** Without one the books live in a temporary folder and end with this process. */
  journal?: string
  say: (line: string) => void
}

interface Parts {
  broker: Broker
  service: ServiceProcess
  journal: string
  admin: string
  tryIt: TryIt
}

export class World {
  readonly broker: Broker
  readonly service: ServiceProcess
  readonly journal: string
  /** Where the dashboard and the admin API are. */
  readonly admin: string
  readonly #tryIt: TryIt
  #teller: Teller | undefined
  readonly #folder: string | undefined

  static async start(options: WorldOptions): Promise<World> {
    const { say } = options
    const tryIt = new TryIt()
    const admin = await freeAddress(defaultAdminOf({ listen: `:${options.port ?? DEFAULT_PORT}` }))
    const broker = await startOn(options.port, { listen: admin, tryIt: tryIt.call }, say)
    tryIt.serve(broker)
    let folder: string | undefined
    try {
      if (options.journal === undefined) folder = await mkdtemp(join(tmpdir(), 'finbus-'))
      const journal = options.journal ?? join(folder ?? '', 'ledger.jsonl')
      const service = await ServiceProcess.start({ url: broker.url, journal, say })
      return new World({ broker, service, journal, admin, tryIt }, folder)
    } catch (error) {
      await broker.close()
      await removeFolder(folder)
      throw error
    }
  }

  private constructor(parts: Parts, folder: string | undefined) {
    this.broker = parts.broker
    this.service = parts.service
    this.journal = parts.journal
    this.admin = parts.admin
    this.#tryIt = parts.tryIt
    this.#folder = folder
  }

  /** From now on somebody asks, so many times a second. */
  async serveTeller(rate: number): Promise<void> {
    this.#teller = await Teller.start(this.broker.url, rate)
  }

  /** The service first: what it still answers goes through the broker. */
  async close(): Promise<void> {
    await this.#teller?.close()
    await this.service.stop()
    await this.#tryIt.close()
    await this.broker.close()
    await removeFolder(this.#folder)
  }
}

const startOn = async (
  port: number | undefined,
  admin: AdminOptions,
  say: (line: string) => void,
): Promise<Broker> => {
  try {
    return await start(port ?? DEFAULT_PORT, admin)
  } catch (error) {
    // A port that was asked for is used or refused, never swapped.
    if (port !== undefined || !isTaken(error)) throw error
    say(`Port ${DEFAULT_PORT} is taken, so the broker uses a free one.`)
    return start(0, admin)
  }
}

const start = (port: number, admin: AdminOptions): Promise<Broker> =>
  // A first broker has no former life whose clients could still be on their way back.
  startBroker({ listen: `ws://${HOST}:${port}`, warmUpMs: 0, admin })

const isTaken = (error: unknown): boolean => {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ((at as NodeJS.ErrnoException).code === 'EADDRINUSE') return true
  }
  return false
}

const removeFolder = async (folder: string | undefined): Promise<void> => {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
}
