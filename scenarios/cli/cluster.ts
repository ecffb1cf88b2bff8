/** Several brokers on one machine, each a process of its own, from the first to the last of them. */
import { fileURLToPath } from 'node:url'
import type { Log } from '../../rr-client/index.ts'
import { heldAddresses } from './admin-address.ts'
import type { BrokerPlan, Plan } from './cluster-plan.ts'
import { dashboardLines, nextSteps, reachable } from './hints.ts'
import { KeptProcess } from './kept-process.ts'
import { Load } from './load.ts'
import { retold, terminalLog } from './log.ts'
import { environmentOf, type Settings } from './settings.ts'
import { withSignal } from './signals.ts'
import { table } from './table.ts'

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url))
/** Both together are what a stop takes at most; the registry hears the brokers' goodbyes. */
const STOP_BROKERS_MS = 9_000
const STOP_REGISTRY_MS = 1_000

/** The same plan, with admin APIs at ports that are free: each must know the others' before it starts. */
const withPorts = async (plan: Plan): Promise<Plan> => {
  const asked = plan.brokers.flatMap(({ admin }) => (admin === undefined ? [] : [admin]))
  const found = await heldAddresses(asked)
  const brokers = plan.brokers.map((broker) => {
    return broker.admin === undefined ? broker : { ...broker, admin: found.shift() }
  })
  return { ...plan, brokers }
}

interface Member extends BrokerPlan {
  process: KeptProcess
}

/** Runs what is planned until a signal comes; fails when any of it cannot start. */
export const runCluster = (plan: Plan, settings: Settings, isJson: boolean): Promise<void> =>
  withSignal(async (signalled) => {
    const cluster = new Cluster(await withPorts(plan), settings, isJson)
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
  #load: Load | undefined

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
    this.#load = this.#loadOf()
    await this.#load?.start()
    return 'ready'
  }

  async stop(): Promise<void> {
    // What still runs there goes through the brokers.
    await this.#load?.stop()
    await Promise.all(this.#brokers.map(({ process }) => process.stop(STOP_BROKERS_MS)))
    await this.#registry?.stop(STOP_REGISTRY_MS)
  }

  kill(): void {
    this.#load?.kill()
    for (const { process } of this.#brokers) process.kill()
    this.#registry?.kill()
  }

  inJson(): string {
    const brokers = this.#brokers.map(({ id, idc, admin, process: { url, pid } }) => ({
      ...{ url, id, idc, pid },
      ...(admin === undefined ? {} : { admin }),
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
    const { load } = this.#settings
    const extra = [
      ...dashboardLines(this.#brokers[0]?.admin),
      ...(load === undefined
        ? []
        : [`Sample services and callers make about ${load} requests a second.`]),
    ]
    return `${list}${extra.map((line) => `${line}\n`).join('')}${this.#steps()}Ctrl-C stops all of them.\n`
  }

  #steps(): string {
    const registries = this.#registries()
    const urls = this.#brokers.map(({ process }) => reachable(process.url))
    const where =
      registries.length === 0 ? ` --url ${urls.join(',')}` : ` --registry ${registries.join(',')}`
    const idcs = [...new Set(this.#brokers.map(({ idc }) => idc))]
    const inIdc = (idc: string | undefined): string => (idc === undefined ? '' : ` --idc ${idc}`)
    const admin = this.#brokers[0]?.admin
    return nextSteps(this.#settings, where, {
      ...{ answered: inIdc(idcs[0]), asked: inIdc(idcs.at(-1)), admin },
    })
  }

  #registries(): readonly string[] {
    return this.#registry === undefined ? (this.#settings.registry ?? []) : [this.#registry.url]
  }

  #loadOf(): Load | undefined {
    const { load: rate } = this.#settings
    if (rate === undefined) return undefined
    const registry = this.#registries()
    const url = this.#brokers.map(({ process }) => process.url)
    return new Load({
      ...{ rate, settings: this.#settings, isJson: this.#isJson, log: this.#log },
      idcs: [...new Set(this.#brokers.map(({ idc }) => idc))],
      target: registry.length > 0 ? { registry } : { url },
    })
  }

  #argsOf({ id, idc, advertise, admin }: BrokerPlan, listen: string): string[] {
    const registries = this.#registries().flatMap((url) => ['--registry', url])
    const addresses = advertise.flatMap((url) => ['--advertise', url])
    const others = this.#brokers.flatMap(({ admin: other }) =>
      other === undefined || other === admin ? [] : ['--admin-peer', other],
    )
    const itself = ['--id', id, '--idc', idc, '--listen', listen, '--admin', admin ?? 'off']
    return ['start', ...itself, ...registries, ...addresses, ...others, '--json']
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
  const { brokers, cluster, registry, advertise, admin, adminPeer, load, ...same } = settings
  const { FINBUS_DEBUG: debug } = process.env
  return {
    ...Object.fromEntries(others),
    ...environmentOf(same),
    ...(debug === undefined ? {} : { FINBUS_DEBUG: debug }),
  }
}
