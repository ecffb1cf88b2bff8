/** Several brokers on one machine, each a process of its own, from the first to the last of them. */
import { fileURLToPath } from 'node:url'
import type { Log } from '../../rr-client/index.ts'
import type { BrokerPlan, Plan } from './cluster-plan.ts'
import { nextSteps, reachable } from './hints.ts'
import { KeptProcess } from './kept-process.ts'
import { retold, terminalLog } from './log.ts'
import { environmentOf, type Settings } from './settings.ts'
import { withSignal } from './signals.ts'
import { table } from './table.ts'

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url))
/** Both together are what a stop takes at most; the registry hears the brokers' goodbyes. */
const STOP_BROKERS_MS = 9_000
const STOP_REGISTRY_MS = 1_000

interface Member extends BrokerPlan {
  process: KeptProcess
}

/** Runs what is planned until a signal comes; fails when any of it cannot start. */
export const runCluster = (plan: Plan, settings: Settings, isJson: boolean): Promise<void> =>
  withSignal(async (signalled) => {
    const cluster = new Cluster(plan, settings, isJson)
    // Whatever ends this process, what it started ends first.
    process.once('exit', () => cluster.kill())
    try {
      const outcome = await Promise.race([signalled, cluster.start()])
      if (outcome === undefined) return
      process.stdout.write(isJson ? cluster.inJson() : cluster.inText())
      await signalled
    } finally {
      await cluster.stop()
    }
  })

class Cluster {
  readonly #settings: Settings
  readonly #isJson: boolean
  readonly #log: Log
  readonly #registry: KeptProcess | undefined
  readonly #brokers: readonly Member[]

  constructor(plan: Plan, settings: Settings, isJson: boolean) {
    this.#settings = settings
    this.#isJson = isJson
    this.#log = terminalLog(settings.log ?? 'warn', isJson)
    if (plan.registry !== undefined) {
      this.#registry = this.#keep('registry', plan.registry, (listen) => [
        'registry',
        ...['--listen', listen, '--json'],
      ])
    }
    this.#brokers = plan.brokers.map((broker) => ({
      ...broker,
      process: this.#keep(broker.id, broker.listen, (listen) => this.#argsOf(broker, listen)),
    }))
  }

  /** The registry first: brokers announce themselves to the port it got. */
  async start(): Promise<'ready'> {
    await this.#registry?.start()
    await Promise.all(this.#brokers.map(({ process }) => process.start()))
    return 'ready'
  }

  async stop(): Promise<void> {
    await Promise.all(this.#brokers.map(({ process }) => process.stop(STOP_BROKERS_MS)))
    await this.#registry?.stop(STOP_REGISTRY_MS)
  }

  kill(): void {
    for (const { process } of this.#brokers) process.kill()
    this.#registry?.kill()
  }

  inJson(): string {
    const brokers = this.#brokers.map(({ id, idc, process: { url, pid } }) => ({
      url,
      id,
      idc,
      pid,
    }))
    return `${JSON.stringify({ brokers, registry: this.#registries() })}\n`
  }

  inText(): string {
    const rows = this.#brokers.map(({ id, idc, process }) => [
      ...[id, idc, String(process.pid), process.url],
    ])
    if (this.#registry !== undefined) {
      rows.push(['registry', '', String(this.#registry.pid), this.#registry.url])
    }
    const list = table(['BROKER', 'IDC', 'PID', 'LISTENS ON'], rows)
    return `${list}${this.#steps()}Ctrl-C stops all of them.\n`
  }

  #steps(): string {
    const registries = this.#registries()
    const urls = this.#brokers.map(({ process }) => reachable(process.url))
    const where =
      registries.length === 0 ? ` --url ${urls.join(',')}` : ` --registry ${registries.join(',')}`
    const idcs = [...new Set(this.#brokers.map(({ idc }) => idc))]
    const inIdc = (idc: string | undefined): string => (idc === undefined ? '' : ` --idc ${idc}`)
    return nextSteps(this.#settings, where, { answered: inIdc(idcs[0]), asked: inIdc(idcs.at(-1)) })
  }

  #registries(): readonly string[] {
    return this.#registry === undefined ? (this.#settings.registry ?? []) : [this.#registry.url]
  }

  #argsOf({ id, idc, advertise }: BrokerPlan, listen: string): string[] {
    const registries = this.#registries().flatMap((url) => ['--registry', url])
    const addresses = advertise.flatMap((url) => ['--advertise', url])
    const itself = ['--id', id, '--idc', idc, '--listen', listen]
    return ['start', ...itself, ...registries, ...addresses, '--json']
  }

  #keep(name: string, listen: string, args: (listen: string) => string[]): KeptProcess {
    const env = childEnvironment(this.#settings)
    const onLine = (line: string): void => {
      process.stderr.write(this.#isJson ? `${line}\n` : `${name} | ${retold(line)}\n`)
    }
    return new KeptProcess({ name, file: MAIN, listen, args, env }, this.#log, onLine)
  }
}

/** All settings in force, wherever they came from, but those that are different for each. */
const childEnvironment = (settings: Settings): NodeJS.ProcessEnv => {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('FINBUS_'))
  const { brokers, cluster, registry, advertise, ...same } = settings
  const { FINBUS_DEBUG: debug } = process.env
  return {
    ...Object.fromEntries(others),
    ...environmentOf(same),
    ...(debug === undefined ? {} : { FINBUS_DEBUG: debug }),
  }
}
