import type { BrokerLink } from './broker-link.ts'
import type { ClientCore } from './client-core.ts'
import type { FoundBroker } from './registry-list.ts'

/** A broker that no registry has spoken of for so long, and that is not linked, is not waited for. */
const RETIRED_MS = 600_000
/** Brokers known at once; as many as one registry holds. */
const MAX_BROKERS = 1_000
/** Clients hear of a broker all at once and should not all come at once. */
const SPREAD_MS = 100

interface Known {
  id: string
  life: number
  urls: readonly string[]
  /** When the broker said so, by this clock. */
  heardAt: number
  readonly link: BrokerLink
}

/**
 * The brokers that registries have told of, and the link to each. A broker has one link, whatever
 * its addresses, and keeps it when it moves. No word of a registry takes a link away: only one that
 * is down, and was not heard of for long, is given to a broker that is new.
 */
export class BrokerBook {
  readonly #core: ClientCore
  readonly #byId = new Map<string, Known>()
  readonly #byLink = new Map<BrokerLink, Known>()
  #isFull = false

  constructor(core: ClientCore) {
    this.#core = core
  }

  /** A registry has told of a broker. */
  take(now: number, broker: FoundBroker): void {
    const known = this.#byId.get(broker.id) ?? this.#at(broker.urls)
    if (known === undefined) this.#add(now, broker)
    else this.#update(now, known, broker)
  }

  /** The link is gone, or a dial has failed: the next dial tries the next address. */
  onGone(link: BrokerLink): void {
    const known = this.#byLink.get(link)
    if (known === undefined) return
    const { urls } = known
    link.url = urls[(urls.indexOf(link.url) + 1) % urls.length]!
  }

  #at(urls: readonly string[]): Known | undefined {
    for (const known of this.#byLink.values()) if (urls.includes(known.link.url)) return known
    return undefined
  }

  #add(now: number, broker: FoundBroker): void {
    const { id, life, idc, urls } = broker
    const retired = this.#retired(now)
    if (retired === undefined && this.#byLink.size >= MAX_BROKERS) {
      this.#full(broker)
      return
    }
    const link = retired?.link ?? this.#core.addBroker(now, urls[0]!, idc)
    if (retired !== undefined) {
      this.#byId.delete(retired.id)
      link.idc = idc
      this.#move(now, link, urls[0]!)
    }
    const known = { id, life, urls, heardAt: now - broker.ageMs, link }
    this.#byId.set(id, known)
    this.#byLink.set(link, known)
    this.#core.state.effects.advise({ kind: 'broker_found', id, idc, url: urls[0]! })
  }

  #update(now: number, known: Known, { id, life, idc, urls, ageMs }: FoundBroker): void {
    const heardAt = now - ageMs
    // Copies hear of a new life one after the other: the broker that spoke last is right.
    if (known.life !== life && heardAt < known.heardAt) return
    const isNewLife = known.life !== life
    this.#byId.delete(known.id)
    this.#byId.set(id, Object.assign(known, { id, life, urls }))
    known.heardAt = Math.max(known.heardAt, heardAt)
    const { link } = known
    // A link that is up has the better word: it stays until it is lost.
    if (link.isUp) return
    const hasMoved = !urls.includes(link.url)
    if (hasMoved || isNewLife) this.#move(now, link, hasMoved ? urls[0]! : link.url)
    if (hasMoved) this.#core.state.effects.advise({ kind: 'broker_found', id, idc, url: link.url })
  }

  /** Known to be there: what is left of a back-off is not sat out. */
  #move(now: number, link: BrokerLink, url: string): void {
    link.url = url
    link.twin = undefined
    if (link.state !== 'waiting') return
    link.redialAt = Math.min(link.redialAt, now + this.#core.state.prng.below(SPREAD_MS))
  }

  #retired(now: number): Known | undefined {
    for (const known of this.#byLink.values()) {
      if (!known.link.isUp && now - known.heardAt > RETIRED_MS) return known
    }
    return undefined
  }

  #full({ id, urls }: FoundBroker): void {
    if (this.#isFull) return
    this.#isFull = true
    const message = `broker ${id} is one more than the ${MAX_BROKERS} a client links to`
    const code = 'too_many_brokers'
    this.#core.state.effects.advise({ kind: 'registry_refused', url: urls[0]!, code, message })
  }
}
