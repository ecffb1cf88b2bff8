interface Ban {
  readonly until: number
  readonly reason: string
}

/** Instances that an operator has sent away for a while. */
export class Bans {
  readonly #limit: number
  readonly #bans = new Map<string, Ban>()
  /** Bans that ended early, for there were too many. */
  dropped = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  add(now: number, instance: string, reason: string, forMs: number): void {
    this.#bans.delete(instance)
    if (this.#bans.size >= this.#limit) this.#makeRoom(now)
    this.#bans.set(instance, { until: now + forMs, reason })
  }

  /** The ban in force: why, and for how much longer. */
  of(now: number, instance: string): { reason: string; leftMs: number } | undefined {
    const ban = this.#bans.get(instance)
    if (ban === undefined) return undefined
    if (ban.until > now) return { reason: ban.reason, leftMs: Math.ceil(ban.until - now) }
    this.#bans.delete(instance)
    return undefined
  }

  /** Those that are over go, otherwise the oldest. */
  #makeRoom(now: number): void {
    for (const [instance, { until }] of this.#bans) if (until <= now) this.#bans.delete(instance)
    for (const oldest of this.#bans.keys()) {
      if (this.#bans.size < this.#limit) return
      this.#bans.delete(oldest)
      this.dropped += 1
    }
  }
}
