/** A cluster that runs already: the drill brings clients of its own, and hurts those and their ways. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { didYouMean } from '../../bus/index.ts'
import { type BusSnapshot, connect, type LinkSnapshot } from '../../rr-client/index.ts'
import { type Drill, DrillError } from '../drills/drill.ts'
import type { QueueNow } from '../drills/stage.ts'
import type { Player } from '../drills/targets.ts'
import { type Act, actText, isSteer, STEERED_THERE, type SteerAct } from '../drills/words.ts'
import type { Clients } from './clients.ts'
import { clock } from './clock.ts'
import type { Endpoint } from './fault-proxy.ts'
import type { Ground, Sight } from './ground.ts'
import type { Guard } from './guardian.ts'
import { inTime } from './in-time.ts'
import type { Access, Target } from './manners.ts'
import type { Operator } from './operator.ts'
import type { PartOf } from './parts.ts'
import type { Place } from './place.ts'
import { Steers } from './steers.ts'
import type { Ways } from './ways.ts'

export interface AttachedFacts {
  target: Target
  /** A file that holds the token to show, if the brokers ask for one. */
  tokenFile: string | undefined
  topic: string
  ways: Ways
  /** Who asks the cluster to isolate and to drain, if anybody can. */
  operator: Operator | undefined
  guard: Guard
}

interface KnownBroker extends Player {
  readonly to: Endpoint
}

/** Brokers that have not answered by then do not take part. */
const SCOUT_MS = 3_000
const TRY_MS = 20
const ANSWER_MS = 150
const PROCESSES: ReadonlySet<string> = new Set(['kill', 'freeze', 'stop', 'restart', 'thaw'])
const INSTEAD = `"isolate idc NAME" and "drain broker NAME" can be done, with ${STEERED_THERE}`
const STRANGERS: ReadonlySet<string> = new Set(['broker', 'registry', 'idc'])

export class AttachedCluster implements Ground {
  readonly #facts: AttachedFacts
  #token: string | undefined
  #steers: Steers | undefined
  #brokers: readonly KnownBroker[] = []
  /** Names of responders by their instances: routes tell instances. */
  readonly #names = new Map<string, string>()
  readonly #asked = new Set<PartOf<'responder'>>()

  constructor(facts: AttachedFacts) {
    this.#facts = facts
  }

  players(): Player[] {
    return [...this.#brokers]
  }

  places(): readonly Place[] {
    return []
  }

  refusal(act: Act): string | undefined {
    if (isSteer(act)) return this.#steerRefusal(act)
    if (!PROCESSES.has(act.verb) || !('target' in act) || !STRANGERS.has(act.target.kind)) {
      return undefined
    }
    return `not on a cluster of yours: ${actText(act)}; its processes are not the drill's. Instead ${INSTEAD}. Responders and requesters of the drill can be hurt, and the ways from them to brokers`
  }

  #steerRefusal({ target, ...act }: SteerAct): string | undefined {
    const text = actText({ target, ...act })
    if (this.#facts.operator === undefined) {
      return `"${text}" is asked of the admin API; say where that is: ${STEERED_THERE}`
    }
    // Before the start nobody is known.
    if (target.kind === 'idc' || this.#brokers.length === 0) return undefined
    const names = this.#brokers.map(({ name }) => name)
    if (names.includes(target.name)) return undefined
    return `"${text}": this cluster has no broker ${target.name}${didYouMean(target.name, names)}`
  }

  steer(act: SteerAct): Promise<() => Promise<void>> {
    if (this.#steers === undefined) throw new Error(this.refusal(act))
    return this.#steers.perform(act)
  }

  async end(): Promise<void> {
    await this.#steers?.end()
  }

  async start({ cluster, steps }: Drill): Promise<void> {
    const acts = steps.flatMap((step) => step.acts)
    this.#check(acts)
    const { tokenFile, operator, guard, topic } = this.#facts
    if (operator !== undefined) {
      const lastsMs = steps.reduce((sum, { forMs }) => sum + forMs, 0)
      this.#steers = new Steers({ operator, guard, topic, lastsMs })
    }
    if (tokenFile !== undefined) this.#token = readFileSync(tokenFile, 'utf8').trim()
    this.#brokers = (await this.#scout()).map(knownBroker)
    this.#check(acts)
    const there = new Set(this.#brokers.map(({ idc }) => idc))
    const strange = Object.keys(cluster.idcs).find((idc) => !there.has(idc))
    if (strange === undefined) return
    const idcs = [...there].sort().join(', ')
    throw new DrillError(`this cluster has no broker in IDC ${strange}; its IDCs are: ${idcs}`)
  }

  #check(acts: readonly Act[]): void {
    for (const act of acts) {
      const refusal = this.refusal(act)
      if (refusal !== undefined) throw new DrillError(refusal)
    }
  }

  async access(client: Player): Promise<Access> {
    const servers = this.#brokers.map((server) => ({ server, to: server.to }))
    const ports = await this.#facts.ways.open(client, servers)
    const target = ports.map((port) => `ws://127.0.0.1:${port}`)
    return this.#token === undefined ? { target } : { target, token: this.#token }
  }

  /** That every requester is answered says all there is to know from outside. */
  async ready(): Promise<void> {}

  /** As a requester of the drill sees it; brokers that it cannot reach are missing, not silent. */
  async look({ requesters, responders }: Clients): Promise<Sight> {
    for (const { name, child, isUp } of responders) if (isUp) this.#meet(name, child)
    const witness = requesters.find(({ isUp, isFrozen }) => isUp && !isFrozen)
    if (witness === undefined) return { queues: [], silent: [] }
    const view = await inTime(witness.child.askWithin(ANSWER_MS * 10, 'snapshot'), ANSWER_MS)
    return { queues: view === undefined ? [] : this.#queuesIn(view), silent: [] }
  }

  #queuesIn({ topics }: BusSnapshot): QueueNow[] {
    const routes = topics.find(({ topic }) => topic === this.#facts.topic)?.routes ?? []
    return routes.map(({ broker, queue, epoch, state, instance, inFlight }) => ({
      ...{ broker, queue, epoch, state, depth: inFlight },
      owner: this.#names.get(instance) ?? instance,
    }))
  }

  #meet(name: string, child: PartOf<'responder'>): void {
    if (this.#asked.has(child)) return
    this.#asked.add(child)
    child.ask('snapshot').then(
      ({ instance }) => this.#names.set(instance, name),
      // It has not joined yet, or is gone: asked again when it is seen again.
      () => this.#asked.delete(child),
    )
  }

  /** A first client: what its links say of brokers is all that is known of them. */
  async #scout(): Promise<LinkSnapshot[]> {
    const { target } = this.#facts
    const token = this.#token === undefined ? {} : { token: this.#token }
    const bus = await connect(target as string[], { name: 'drill-scout', ...token })
    try {
      const until = clock() + SCOUT_MS
      for (;;) {
        const { links } = bus.snapshot()
        const up = links.filter(({ state }) => state === 'up')
        // One that is known by two addresses is one broker.
        const brokers = [...new Map(up.map((link) => [link.broker, link])).values()]
        if (up.length === links.length || clock() > until) return brokers
        await sleep(TRY_MS)
      }
    } finally {
      await bus.close({ timeoutMs: 0 })
    }
  }
}

const knownBroker = ({ url, broker, idc }: LinkSnapshot): KnownBroker => {
  const { protocol, hostname, port } = new URL(url)
  if (protocol !== 'ws:') {
    const why = 'the ways of a drill are plain TCP on 127.0.0.1, where its certificate is not valid'
    throw new DrillError(`broker ${broker} at ${url} cannot take part: ${why}`)
  }
  const to = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port === '' ? 80 : port) }
  return { kind: 'broker', name: broker, idc, to }
}
