import type { Advisory } from '../bus/advisory.ts'
import { messageOf } from '../bus/codec.ts'
import { monotonicClock } from '../bus/io/clock.ts'
import { newSeed } from '../bus/io/ids.ts'
import type { LinkTls } from '../bus/io/link-ws.ts'
import { RegistryHttp } from '../bus/io/registry-http.ts'
import { Prng } from '../bus/prng.ts'
import type { RegistrySnapshot } from './api.ts'
import { CopyMemory } from './core/copy-memory.ts'
import { type CopyQuestion, type CopyRefusal, FollowedCopy } from './core/followed-copy.ts'
import type { FoundBroker } from './core/registry-list.ts'

export interface FollowerEvents {
  found(broker: FoundBroker): void
  advise(advisory: Advisory): void
}

/**
 * Learns from every copy of the registry, each on its own, who the brokers are. What a copy does not
 * say is of no meaning: brokers become more by its word, never less.
 */
export class RegistryFollower {
  readonly #followings: readonly Following[]
  /** Told when no copy will have this client, with the words of one. */
  onRefused: (refusal: CopyRefusal) => void = () => {}

  constructor(
    urls: readonly string[],
    { token, tls }: { token?: string | undefined; tls?: LinkTls | undefined },
    events: FollowerEvents,
  ) {
    const memory = new CopyMemory()
    const prng = new Prng(newSeed())
    const refused = (): void => {
      const refusals = this.#followings.map(({ copy }) => copy.refusal)
      if (refusals.every((refusal) => refusal !== undefined)) this.onRefused(refusals[0]!)
    }
    this.#followings = urls.map((url) => {
      const copy = new FollowedCopy(url, memory, { ...events, refused }, prng)
      return new Following(copy, new RegistryHttp(url, token, tls))
    })
  }

  start(): void {
    for (const following of this.#followings) void following.follow()
  }

  snapshot(): RegistrySnapshot[] {
    return this.#followings.map(({ copy }) => copy.view())
  }

  close(): void {
    for (const following of this.#followings) following.close()
  }
}

/** Asks one copy on and on, until it is closed. */
class Following {
  readonly copy: FollowedCopy
  readonly #http: RegistryHttp
  #isClosed = false
  #timer: NodeJS.Timeout | undefined
  #wake: () => void = () => {}

  constructor(copy: FollowedCopy, http: RegistryHttp) {
    this.copy = copy
    this.#http = http
  }

  async follow(): Promise<void> {
    while (!this.#isClosed) {
      const pauseMs = await this.#ask()
      if (!this.#isClosed) await this.#pause(pauseMs)
    }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#http.close()
    this.#wake()
  }

  /** How long to pause after it. */
  async #ask(): Promise<number> {
    const since = monotonicClock()
    const { question } = this.copy
    try {
      const answer = await this.#http.ask('GET', pathOf(question), question.timeoutMs)
      return this.#isClosed ? 0 : this.copy.onAnswer(answer, monotonicClock() - since)
    } catch (error) {
      return this.#isClosed ? 0 : this.copy.onFailure(messageOf(error))
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#timer = setTimeout(resolve, ms)
    })
  }
}

const pathOf = ({ seen, waitMs }: CopyQuestion): string =>
  waitMs === 0 ? '/v1/brokers' : `/v1/brokers?seen=${seen}&waitMs=${waitMs}`
