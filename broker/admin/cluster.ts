import { messageOf } from '../../bus/codec.ts'
import type { BrokerPart, ClientPart, ClusterSnapshot } from './api.ts'
import type { Credentials } from './auth.ts'
import { type PeerHttp, refusalOf } from './peer-http.ts'
import type { Peer, Peers } from './peers.ts'
import { SNAPSHOT } from './schemas.ts'
import { plainText } from './text.ts'

/** No peer is waited for longer. */
export const PEER_MS = 800
/** Whoever asks within so long, and shows the same, gets the same answer. */
const SHARED_MS = 250
/** What this broker alone would say is put together anew only after so long. */
const OWN_SHARED_MS = 100
const MAX_SHARED = 100
const MAX_CLIENTS = 2_000

/** What is known of a peer since it last made sense. */
interface Known {
  readonly part: BrokerPart
  readonly at: number
}

interface Shared {
  readonly at: number
  readonly snapshot: Promise<ClusterSnapshot>
}

/** All brokers as this one can see them. */
export class Cluster {
  readonly #makeOwn: () => ClusterSnapshot
  readonly #peers: Peers
  readonly #http: PeerHttp
  readonly #now: () => number
  readonly #known = new Map<string, Known>()
  readonly #shared = new Map<string, Shared>()
  #own: { at: number; snapshot: ClusterSnapshot } | undefined
  readonly counters = { peersAsked: 0, peersFailed: 0 }

  /** `own`: what this broker alone would say. */
  constructor(own: () => ClusterSnapshot, peers: Peers, http: PeerHttp, now: () => number) {
    this.#makeOwn = own
    this.#peers = peers
    this.#http = http
    this.#now = now
  }

  /** What this broker alone says now. */
  own(): ClusterSnapshot {
    const now = this.#now()
    if (this.#own === undefined || now - this.#own.at > OWN_SHARED_MS) {
      this.#own = { at: now, snapshot: this.#makeOwn() }
    }
    return this.#own.snapshot
  }

  snapshot(credentials: Credentials): Promise<ClusterSnapshot> {
    const now = this.#now()
    for (const [key, { at }] of this.#shared) if (now - at > SHARED_MS) this.#shared.delete(key)
    // Peers show the same to all who show them the same token: a name to act by changes nothing.
    const key = credentials.authorization ?? ''
    const shared = this.#shared.get(key)
    if (shared !== undefined) return shared.snapshot
    const snapshot = this.#gather(credentials)
    if (this.#shared.size < MAX_SHARED) this.#shared.set(key, { at: now, snapshot })
    return snapshot
  }

  /** After an action everybody sees what it did. */
  changed(): void {
    this.#shared.clear()
    this.#own = undefined
  }

  /** The brokers to be acted on: this one, then the peers, by what was last known of them. */
  async peers(credentials: Credentials): Promise<Peer[]> {
    if (this.#peers.list().some(({ id }) => id === undefined)) await this.snapshot(credentials)
    return this.#peers.list()
  }

  async #gather(credentials: Credentials): Promise<ClusterSnapshot> {
    const peers = this.#peers.list()
    const answers = await Promise.all(peers.map((peer) => this.#askOne(peer, credentials)))
    const own = this.own()
    const brokers = [...own.brokers]
    const snapshots = [own]
    const urls = new Set(peers.map(({ url }) => url))
    for (const url of this.#known.keys()) if (!urls.has(url)) this.#known.delete(url)
    for (const [index, answer] of answers.entries()) {
      const peer = peers[index]!
      const isTwice = brokers.some(({ id }) => id === answer.part.id)
      // The same broker under another address, or this one.
      if (isTwice && answer.part.error === null) continue
      brokers.push(isTwice ? { ...answer.part, id: peer.url } : answer.part)
      if (answer.snapshot !== undefined) snapshots.push(answer.snapshot)
    }
    const { clients, omitted } = mergedClients(snapshots)
    return {
      at: Date.now(),
      asked: own.asked,
      canTry: own.canTry,
      brokers,
      clients,
      clientsOmitted: omitted + snapshots.reduce((sum, each) => sum + each.clientsOmitted, 0),
      forces: snapshots.flatMap((each) => here(own, each).forces),
      drill: snapshots
        .flatMap((each) => here(own, each).drill ?? [])
        .reduce<ClusterSnapshot['drill']>((a, b) => (a !== null && a.at >= b.at ? a : b), null),
    }
  }

  async #askOne(
    peer: Peer,
    credentials: Credentials,
  ): Promise<{ part: BrokerPart; snapshot?: ClusterSnapshot }> {
    this.counters.peersAsked += 1
    const path = '/v1/snapshot?scope=broker'
    try {
      const question = { method: 'GET', path, withinMs: PEER_MS, credentials }
      const answer = await this.#http.ask(peer.url, question)
      const refusal = refusalOf(answer)
      if (refusal !== undefined) throw new Error(refusal)
      const parsed = SNAPSHOT.safeParse(answer.body)
      if (!parsed.success) {
        const { path: at, message } = parsed.error.issues[0]!
        throw new Error(`its answer makes no sense at ${at.join('.') || 'the top'}: ${message}`)
      }
      const snapshot = parsed.data
      const told = snapshot.brokers.find(({ id }) => id === snapshot.asked)
      if (told?.view == null) throw new Error('its answer does not speak of itself')
      if (peer.id !== undefined && peer.id !== told.id) {
        throw new Error(`broker ${told.id} answers there, not ${peer.id}`)
      }
      const part = { ...told, admin: peer.url, ageMs: 0, error: null }
      this.#peers.met({ url: peer.url, id: told.id, idc: told.idc })
      this.#known.set(peer.url, { part, at: this.#now() })
      return { part, snapshot }
    } catch (error) {
      this.counters.peersFailed += 1
      return { part: this.#unknown(peer, plainText(messageOf(error), 300)) }
    }
  }

  /** What is left of a peer that does not answer, or not as it should. */
  #unknown(peer: Peer, error: string): BrokerPart {
    const known = this.#known.get(peer.url)
    const isShown = known !== undefined && (peer.id === undefined || peer.id === known.part.id)
    return {
      id: peer.id ?? known?.part.id ?? peer.url,
      idc: peer.idc ?? known?.part.idc ?? '',
      admin: peer.url,
      state: 'unknown',
      ageMs: isShown ? this.#now() - known.at : null,
      error,
      view: isShown ? known.part.view : null,
    }
  }
}

/** Instants of another broker by the clock of this one. */
const here = (own: ClusterSnapshot, other: ClusterSnapshot): ClusterSnapshot => {
  const ahead = other.at - own.at
  if (other === own) return own
  return {
    ...other,
    forces: other.forces.map((force) => ({
      ...force,
      at: force.at - ahead,
      until: force.until - ahead,
    })),
    drill: other.drill === null ? null : { ...other.drill, at: other.drill.at - ahead },
  }
}

/** A client told several brokers: the newest word counts. Those that do least find no room. */
const mergedClients = (
  snapshots: readonly ClusterSnapshot[],
): { clients: ClientPart[]; omitted: number } => {
  const newest = new Map<string, ClientPart>()
  for (const { clients } of snapshots) {
    for (const client of clients) {
      const known = newest.get(client.instance)
      if (known === undefined || client.n > known.n) newest.set(client.instance, client)
    }
  }
  const clients = [...newest.values()]
  if (clients.length > MAX_CLIENTS) clients.sort((a, b) => activityOf(b) - activityOf(a))
  return {
    clients: clients.slice(0, MAX_CLIENTS),
    omitted: Math.max(0, clients.length - MAX_CLIENTS),
  }
}

const activityOf = ({ inFlight, answering, topics }: ClientPart): number =>
  inFlight +
  answering.reduce((sum, { running }) => sum + running, 0) +
  topics.reduce((sum, { open }) => sum + open, 0)
