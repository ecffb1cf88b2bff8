import { messageOf } from '../../bus/codec.ts'
import { didYouMean } from '../../bus/suggest.ts'
import type { ActionReport } from './api.ts'
import type { Caller, Credentials } from './auth.ts'
import type { Cluster } from './cluster.ts'
import type { PeerHttp } from './peer-http.ts'
import { refusalOf } from './peer-http.ts'
import type { Peer } from './peers.ts'
import { AdminRefusal, type RefusalCode } from './refusal.ts'
import { ACTION_REPORT } from './schemas.ts'
import { type SilentNode, SilentNodes } from './silent.ts'

/** An action as another broker is asked for it. */
export interface Passed {
  readonly method: 'POST' | 'PATCH'
  readonly path: string
  readonly body: object
  readonly withinMs: number
}

/** What one broker changed; undefined: it has nothing that this could change. */
export type Change = { before: unknown; after: unknown } | undefined

/** How a peer answered. */
type Answered =
  | { report: ActionReport }
  | { isNotThere: true }
  | { why: string; code?: RefusalCode }

const NO_CODES: Readonly<Record<number, RefusalCode>> = {
  400: 'invalid_argument',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
}

/** Has the brokers do what an operator wants: this one, the one that is named, or all of them. */
export class Passing {
  readonly #own: string
  readonly #cluster: Cluster
  readonly #http: PeerHttp

  constructor(own: string, cluster: Cluster, http: PeerHttp) {
    this.#own = own
    this.#cluster = cluster
    this.#http = http
  }

  /** `broker`: the one that is named; undefined: all. `here` is what this one does. */
  async act(
    what: { action: string; target: string; missing: string },
    by: { caller: Caller; isPassedOn: boolean },
    broker: string | undefined,
    passed: Passed,
    here: () => Change | Promise<Change>,
  ): Promise<ActionReport> {
    const { credentials } = by.caller
    const isAll = broker === undefined && !by.isPassedOn
    if (!isAll && (broker === undefined || broker === this.#own)) {
      return this.#sum(what, await here(), [], new SilentNodes())
    }
    if (by.isPassedOn)
      throw new AdminRefusal('not_found', `this is broker ${this.#own}, not ${broker}`)
    const peers = await this.#cluster.peers(credentials)
    if (broker !== undefined) return this.#one(broker, peers, credentials, passed)
    const [own, answers] = await Promise.all([
      here(),
      Promise.all(peers.map((peer) => this.#ask(peer, credentials, passed))),
    ])
    const silent = new SilentNodes()
    const reports = answers.flatMap((answer, index) => {
      const { id, url } = peers[index]!
      if ('why' in answer) silent.add(id ?? url, answer.why)
      return 'report' in answer ? answer.report : []
    })
    return this.#sum(what, own, reports, silent)
  }

  /** Asks several brokers by their ids; those that did not do it. */
  async tell(
    brokers: ReadonlySet<string>,
    credentials: Credentials,
    passed: Passed,
  ): Promise<SilentNode[]> {
    const peers = (await this.#cluster.peers(credentials)).filter(({ id }) => brokers.has(id ?? ''))
    const answers = await Promise.all(peers.map((peer) => this.#ask(peer, credentials, passed)))
    return answers.flatMap((answer, index) =>
      'why' in answer ? { node: peers[index]!.id!, why: answer.why } : [],
    )
  }

  async #one(
    broker: string,
    peers: readonly Peer[],
    credentials: Credentials,
    passed: Passed,
  ): Promise<ActionReport> {
    const peer = peers.find(({ id }) => id === broker)
    if (peer === undefined) {
      const known = [this.#own, ...peers.flatMap(({ id }) => id ?? [])]
      const message = `no broker ${broker} is known here${didYouMean(broker, known)}; there is ${known.slice(0, 20).join(', ')}`
      throw new AdminRefusal('not_found', message)
    }
    const answer = await this.#ask(peer, credentials, passed, true)
    if ('report' in answer) return answer.report
    if ('isNotThere' in answer)
      throw new AdminRefusal('not_found', `broker ${broker} has no such thing`)
    throw new AdminRefusal(answer.code ?? 'unavailable', `broker ${broker}: ${answer.why}`)
  }

  async #ask(
    { url }: Peer,
    credentials: Credentials,
    passed: Passed,
    isNamed = false,
  ): Promise<Answered> {
    try {
      const answer = await this.#http.ask(url, { ...passed, credentials })
      if (answer.status === 404 && !isNamed) return { isNotThere: true }
      const why = refusalOf(answer)
      if (why !== undefined) {
        const code = NO_CODES[answer.status]
        return { why, ...(code !== undefined && { code }) }
      }
      const { data } = ACTION_REPORT.safeParse(answer.body)
      if (data === undefined) return { why: 'its answer makes no sense' }
      return { report: { ...data, before: data.before ?? null, after: data.after ?? null } }
    } catch (error) {
      return { why: messageOf(error) }
    }
  }

  #sum(
    { action, target, missing }: { action: string; target: string; missing: string },
    own: Change,
    reports: readonly ActionReport[],
    silent: SilentNodes,
  ): ActionReport {
    const changes = own === undefined ? [] : [{ [this.#own]: own }]
    if (own === undefined && reports.length === 0) {
      const others = silent.list()
      const details = others.length === 0 ? undefined : { silent: others }
      throw new AdminRefusal('not_found', missing, details)
    }
    for (const report of reports) for (const { node, why } of report.silent) silent.add(node, why)
    const all = (key: 'before' | 'after'): object =>
      Object.assign(
        {},
        ...changes.map((change) =>
          Object.fromEntries(Object.entries(change).map(([id, states]) => [id, states[key]])),
        ),
        ...reports.map((report) => report[key]),
      )
    return {
      ...{ action, target },
      brokers: changes.length + reports.reduce((sum, { brokers }) => sum + brokers, 0),
      ...{ clients: 0, circuits: 0, queues: 0 },
      silent: silent.list(),
      ...{ before: all('before'), after: all('after') },
    }
  }
}
