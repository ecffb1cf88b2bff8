/** What a broker says of itself: one life of it, where it stands, and where it is reached. */
export interface Announcement {
  readonly id: string
  readonly life: number
  readonly idc: string
  /** The first is what clients try first. */
  readonly urls: readonly string[]
  /** Its admin API, if others can reach one. */
  readonly admin?: string | undefined
}

export interface Entry extends Announcement {
  /** When it last announced itself. */
  readonly heardAt: number
}

export interface Refusal {
  readonly code: 'id_taken' | 'idc_changed' | 'url_taken' | 'withdrawn' | 'registry_full'
  readonly message: string
}

interface Held extends Entry {
  heardAt: number
  /** Lives that this entry has taken the place of, newest first. */
  readonly replaced: readonly number[]
}

export interface DirectoryLimits {
  /** An entry that was not announced again for so long is gone. */
  readonly leaseMs: number
  readonly maxBrokers: number
}

/** Of one entry; they only matter while two processes quarrel over one address. */
const MAX_REPLACED = 8
const MAX_WITHDRAWN = 1_000

/**
 * Who the brokers are, as one copy of the registry has heard. An id and an address belong to one
 * process at a time, and an address to one data centre; what would say otherwise is refused.
 */
export class Directory {
  readonly #limits: DirectoryLimits
  /** By id, the one heard of longest ago first. */
  readonly #entries = new Map<string, Held>()
  readonly #idByUrl = new Map<string, string>()
  /** Lives that have said goodbye, until when: an announcement may be overtaken by its withdrawal. */
  readonly #withdrawn = new Map<number, number>()
  #version = 1

  constructor(limits: DirectoryLimits) {
    this.#limits = limits
  }

  /** Grows with every change; a renewal is none. */
  get version(): number {
    return this.#version
  }

  get size(): number {
    return this.#entries.size
  }

  get nextDeadline(): number {
    const [oldest] = this.#entries.values()
    return oldest === undefined ? Number.POSITIVE_INFINITY : oldest.heardAt + this.#limits.leaseMs
  }

  /** Takes the announcement in, or says why not. */
  announce(now: number, announced: Announcement): Refusal | undefined {
    this.expire(now)
    const { id, life } = announced
    if (this.#withdrawn.has(life)) {
      return { code: 'withdrawn', message: `this life of broker ${id} has said that it closes` }
    }
    const holders = this.#holders(announced)
    for (const holder of holders) {
      const refusal = this.#judge(holder, announced)
      if (refusal !== undefined) return refusal
    }
    if (holders.length === 0 && this.#entries.size >= this.#limits.maxBrokers) {
      const message = `this registry has its ${this.#limits.maxBrokers} brokers already`
      return { code: 'registry_full', message }
    }
    const own = this.#entries.get(id)
    const isRenewal = holders.length === 1 && own !== undefined && isSame(own, announced)
    if (!isRenewal) this.#version += 1
    for (const holder of holders) this.#remove(holder)
    this.#add(now, announced, replacedBy(life, holders))
    return undefined
  }

  /**
   * The broker closes, and this life of it does not come back; or it only takes nobody for a while, and
   * may return. False if this life of it was not known.
   */
  withdraw(now: number, id: string, life: number, mayReturn = false): boolean {
    this.expire(now)
    if (!mayReturn) this.#retire(now, life)
    const entry = this.#entries.get(id)
    if (entry?.life !== life) return false
    this.#remove(entry)
    this.#version += 1
    return true
  }

  #retire(now: number, life: number): void {
    if (this.#withdrawn.size >= MAX_WITHDRAWN) {
      const [oldest] = this.#withdrawn.keys()
      this.#withdrawn.delete(oldest!)
    }
    this.#withdrawn.set(life, now + this.#limits.leaseMs)
  }

  /** All brokers heard of within the lease, by id. */
  list(now: number): Entry[] {
    this.expire(now)
    return [...this.#entries.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Forgets who was silent for the lease. Returns those. */
  expire(now: number): Entry[] {
    const gone: Entry[] = []
    for (const entry of this.#entries.values()) {
      if (now - entry.heardAt < this.#limits.leaseMs) break
      this.#remove(entry)
      gone.push(entry)
    }
    if (gone.length > 0) this.#version += 1
    for (const [life, until] of this.#withdrawn) {
      if (until > now) break
      this.#withdrawn.delete(life)
    }
    return gone
  }

  /** Whose id or address it is at present. */
  #holders({ id, urls }: Announcement): Held[] {
    const ids = new Set([id, ...urls.map((url) => this.#idByUrl.get(url))])
    return [...ids].flatMap((held) => this.#entries.get(held ?? '') ?? [])
  }

  #judge(holder: Held, announced: Announcement): Refusal | undefined {
    const { id, life, idc, urls } = announced
    const shared = urls.find((url) => holder.urls.includes(url))
    const isSameLife = holder.id === id && holder.life === life
    const until = `until that one is closed, or silent for ${this.#limits.leaseMs} ms`
    if (!isSameLife && holder.replaced.includes(life)) {
      const code = shared === undefined ? 'id_taken' : 'url_taken'
      const what = shared === undefined ? `broker id ${id}` : `address ${shared}`
      const message = `${what} was taken over by ${nameOf(holder)}; two processes announce it, and one of them must stop or be told another`
      return { code, message }
    }
    if (shared === undefined && !isSameLife) {
      const message = `broker id ${id} is taken by ${nameOf(holder)}; give this broker another id, or wait ${until}`
      return { code: 'id_taken', message }
    }
    if (holder.idc === idc) return undefined
    const where = shared ?? holder.urls[0]
    const message = `${where} announced IDC ${holder.idc} as broker ${holder.id}, and now IDC ${idc}; another IDC is accepted there ${isSameLife ? 'after a restart, ' : ''}once that one is closed, or silent for ${this.#limits.leaseMs} ms`
    return { code: 'idc_changed', message }
  }

  #add(
    now: number,
    { id, life, idc, urls, admin }: Announcement,
    replaced: readonly number[],
  ): void {
    this.#entries.set(id, { id, life, idc, urls, admin, heardAt: now, replaced })
    for (const url of urls) this.#idByUrl.set(url, id)
  }

  #remove({ id, urls }: Entry): void {
    this.#entries.delete(id)
    for (const url of urls) this.#idByUrl.delete(url)
  }
}

const nameOf = ({ id, life, urls }: Entry): string => `broker ${id} (life ${life}) at ${urls[0]}`

const isSame = (held: Held, { life, urls, admin }: Announcement): boolean =>
  held.life === life &&
  held.admin === admin &&
  held.urls.length === urls.length &&
  urls.every((url, index) => held.urls[index] === url)

const replacedBy = (life: number, holders: readonly Held[]): readonly number[] => {
  const lives = holders.flatMap((held) =>
    held.life === life ? held.replaced : [held.life, ...held.replaced],
  )
  return lives.slice(0, MAX_REPLACED)
}
