import type { Advisory } from '../../../bus/advisory.ts'
import type { Prng } from '../../../bus/prng.ts'
import type { BrokerBook } from '../../../rr-client/core/broker-book.ts'
import { CopyMemory } from '../../../rr-client/core/copy-memory.ts'
import { FollowedCopy } from '../../../rr-client/core/followed-copy.ts'
import type { FoundBroker } from '../../../rr-client/core/registry-list.ts'
import { registryUrl } from './address.ts'
import type { Node } from './node.ts'
import type { VirtualHttp } from './virtual-http.ts'

/** Follows every copy of the registry for one client, as `rr-client/registry-follower.ts` does. */
export class Following {
  readonly copies: readonly FollowedCopy[]
  readonly #client: Node
  readonly #http: VirtualHttp
  /** How often every copy has refused this client. */
  refusals = 0

  constructor(
    client: Node,
    http: VirtualHttp,
    registries: readonly string[],
    book: BrokerBook,
    advise: (advisory: Advisory) => void,
    prng: Prng,
  ) {
    this.#client = client
    this.#http = http
    const memory = new CopyMemory()
    this.copies = registries.map((registry) => {
      const refused = (): void => {
        if (this.copies.every(({ refusal }) => refusal !== undefined)) this.refusals += 1
      }
      const found = (broker: FoundBroker): void => book.take(client.now, broker)
      return new FollowedCopy(registryUrl(registry), memory, { found, refused, advise }, prng)
    })
  }

  start(): void {
    for (const copy of this.copies) this.#ask(copy)
  }

  #ask(copy: FollowedCopy): void {
    const client = this.#client
    const since = client.now
    const { seen, waitMs, timeoutMs } = copy.question
    const question = { kind: 'list' as const, seen, waitMs }
    this.#http.ask(client, copy.url, question, timeoutMs, (answer) =>
      client.step((now) => {
        const isAnswer = typeof answer !== 'string'
        const pauseMs = isAnswer ? copy.onAnswer(answer, now - since) : copy.onFailure(answer)
        client.later(pauseMs, () => this.#ask(copy))
      }),
    )
  }
}
