import { z } from '@hono/zod-openapi'
import type { LinkTls } from '../../bus/io/link-ws.ts'
import { RegistryHttp } from '../../bus/io/registry-http.ts'
import { isName } from '../../bus/names.ts'
import { isRegistryUrl, plainUrl } from '../../bus/urls.ts'

/** Another broker's admin API. */
export interface Peer {
  readonly url: string
  /** Undefined until it is known. */
  readonly id: string | undefined
  readonly idc: string | undefined
}

export interface PeerSources {
  readonly own: string
  readonly urls: readonly string[]
  readonly registries: readonly string[]
  readonly registryToken: string | undefined
  readonly registryTls: LinkTls | undefined
}

const EVERY_MS = 3_000
const ANSWER_MS = 2_000
/** A broker that no registry lists any more is still asked for so long: that it is gone is worth seeing. */
const KEPT_MS = 120_000
const MAX_PEERS = 100

const LIST = z.object({ brokers: z.array(z.unknown()).max(1_000) })
const LISTED = z.object({
  id: z.string().min(1).max(64),
  idc: z.string().refine(isName),
  admin: z.string().refine(isRegistryUrl).transform(plainUrl),
})

interface Listed extends Peer {
  readonly id: string
  listedAt: number
}

/** Who the other brokers are: those named, and those that the registries know. */
export class Peers {
  readonly #sources: PeerSources
  readonly #now: () => number
  readonly #registries: readonly RegistryHttp[]
  /** By id. */
  readonly #listed = new Map<string, Listed>()
  /** What those that were named by url alone have said of themselves. */
  readonly #met = new Map<string, Peer>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  readonly counters = { peersOmitted: 0 }

  constructor(sources: PeerSources, now: () => number) {
    this.#sources = sources
    this.#now = now
    const { registries, registryToken, registryTls } = sources
    this.#registries = registries.map((url) => new RegistryHttp(url, registryToken, registryTls))
  }

  /** Asks the registries, and again and again. */
  start(): void {
    if (this.#registries.length > 0) void this.#ask()
  }

  /** Each address once, and each broker, as far as it is known which are the same. */
  list(): Peer[] {
    const now = this.#now()
    const peers = new Map<string, Peer>()
    const ids = new Set<string | undefined>([this.#sources.own])
    for (const listed of this.#listed.values()) {
      if (now - listed.listedAt >= KEPT_MS) this.#listed.delete(listed.id)
      else if (!ids.has(listed.id)) {
        peers.set(listed.url, listed)
        ids.add(listed.id)
      }
    }
    for (const url of this.#sources.urls) {
      const met = this.#met.get(url) ?? { url, id: undefined, idc: undefined }
      if (peers.has(url) || ids.has(met.id)) continue
      peers.set(url, met)
      if (met.id !== undefined) ids.add(met.id)
    }
    return [...peers.values()]
  }

  /** A broker has said who it is. One that drains is listed no more, and there as long as it answers. */
  met(peer: Peer): void {
    const listed = this.#listed.get(peer.id ?? '')
    if (listed?.url === peer.url) listed.listedAt = this.#now()
    if (this.#sources.urls.includes(peer.url)) this.#met.set(peer.url, peer)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const registry of this.#registries) registry.close()
  }

  async #ask(): Promise<void> {
    await Promise.all(this.#registries.map((registry) => this.#askOne(registry)))
    if (!this.#isClosed) this.#timer = setTimeout(() => this.#ask(), EVERY_MS)
  }

  /** One that does not answer, or makes no sense, changes nothing. */
  async #askOne(registry: RegistryHttp): Promise<void> {
    const answer = await registry.ask('GET', '/v1/brokers', ANSWER_MS).catch(() => undefined)
    if (answer?.status !== 200) return
    for (const broker of LIST.safeParse(answer.body).data?.brokers ?? []) {
      const listed = LISTED.safeParse(broker).data
      if (listed !== undefined) this.#take(listed)
    }
  }

  #take({ id, idc, admin: url }: z.infer<typeof LISTED>): void {
    if (!this.#listed.has(id) && this.#listed.size >= MAX_PEERS) this.counters.peersOmitted += 1
    else this.#listed.set(id, { id, idc, url, listedAt: this.#now() })
  }
}
