import {
  ANSWER_MS,
  AnnouncedCopy,
  type AnnouncementRefused,
  PATIENCE_MS,
} from '../../../broker/registry/core/announced-copy.ts'
import type { Announcement } from '../../../broker/registry/core/directory.ts'
import type { Advisory } from '../../../bus/advisory.ts'
import type { Prng } from '../../../bus/prng.ts'
import { registryUrl } from './address.ts'
import type { Node } from './node.ts'
import type { VirtualHttp } from './virtual-http.ts'

/** Announces one broker to every copy of the registry, as `broker/announcer.ts` does. */
export class Announcing {
  readonly #broker: Node
  readonly #http: VirtualHttp
  readonly #announcement: Announcement
  readonly #copies: readonly AnnouncedCopy[]
  readonly #onRefused: (refused: AnnouncementRefused) => void
  /** Copies of which the start has heard nothing yet, and the first refusal. */
  #awaited: number
  #refused: AnnouncementRefused | undefined
  #isClosed = false

  /** `onRefused` is told if a copy refuses the start: then the broker closes. */
  constructor(
    broker: Node,
    http: VirtualHttp,
    registries: readonly string[],
    announcement: Announcement,
    advise: (advisory: Advisory) => void,
    prng: Prng,
    onRefused: (refused: AnnouncementRefused) => void,
  ) {
    this.#broker = broker
    this.#http = http
    this.#announcement = announcement
    this.#onRefused = onRefused
    this.#awaited = registries.length
    this.#copies = registries.map((name) => new AnnouncedCopy(registryUrl(name), advise, prng))
  }

  start(): void {
    for (const copy of this.#copies) this.#announce(copy, true)
  }

  /** Takes the announcements back; nobody waits for what the copies say to that. */
  close(): void {
    this.#isClosed = true
    const { id, life } = this.#announcement
    for (const { url, patienceMs } of this.#copies) {
      this.#http.ask(this.#broker, url, { kind: 'withdraw', id, life }, patienceMs, () => {})
    }
  }

  #announce(copy: AnnouncedCopy, isStart: boolean): void {
    if (this.#isClosed) return
    const broker = this.#broker
    const question = { kind: 'announce' as const, announcement: this.#announcement }
    const withinMs = isStart ? PATIENCE_MS : ANSWER_MS
    this.#http.ask(broker, copy.url, question, withinMs, (answer) =>
      broker.step(() => {
        if (this.#isClosed) return
        let refused: AnnouncementRefused | undefined
        if (typeof answer === 'string') copy.onFailure(answer)
        else refused = copy.onAnswer(answer)
        broker.later(copy.pauseMs(), () => this.#announce(copy, false))
        if (isStart) broker.afterwards(() => this.#heard(refused))
      }),
    )
  }

  /** Once all copies have been heard of, it is known whether the broker may be there. */
  #heard(refused: AnnouncementRefused | undefined): void {
    this.#refused ??= refused
    this.#awaited -= 1
    if (this.#awaited === 0 && this.#refused !== undefined) this.#onRefused(this.#refused)
  }
}
