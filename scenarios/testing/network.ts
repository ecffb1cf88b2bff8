import type { Dialled, LinkEvents, LinkHost } from '../../bus/io/link.ts'
import type { Wire } from '../../bus/outbox.ts'
import type { Prng } from '../../bus/prng.ts'
import { Phase } from './agenda.ts'
import type { Process } from './process.ts'
import { VirtualLink, type WireEnd } from './wire.ts'

/** A dial that takes longer has failed, as with the real client. */
const DIAL_MS = 3_000

/** Where clients find a broker, in whichever life it is. */
export interface Station {
  readonly url: string
  readonly process: Process
  /** Takes the broker's end of a new link. */
  accept(from: string, end: WireEnd): void
}

/** Shares of all messages: of links that break over them, and of those that come late. */
export interface Storm {
  readonly resets: number
  readonly delays: number
  readonly delayMs: number
}

/** The way between a client and a broker, through all links and lives that it sees. */
export interface Path {
  readonly client: Process
  readonly station: Station
  link: VirtualLink | undefined
  isHeldUp: boolean
  isHeldDown: boolean
  isParted: boolean
  delayMs: number
  /** Dials that are under way: told when the broker dies. */
  readonly dials: Set<(reason: string) => void>
}

/** All ways there are, how long they take, and what is done to them. */
export class Network {
  readonly #paths: Path[] = []
  readonly #prng: Prng
  readonly #latencyMs: number
  readonly #awayMs: number
  storm: Storm | undefined

  constructor(prng: Prng, latencyMs: number, awayMs: number) {
    this.#prng = prng
    this.#latencyMs = latencyMs
    this.#awayMs = awayMs
  }

  /** The broker as this client dials it. */
  host(client: Process, station: Station): LinkHost {
    const path: Path = {
      client,
      station,
      link: undefined,
      isHeldUp: false,
      isHeldDown: false,
      isParted: false,
      delayMs: 0,
      dials: new Set(),
    }
    this.#paths.push(path)
    return { url: station.url, dial: (...how) => this.#dial(path, ...how) }
  }

  /** Everything sent, or what `sender` alone sends, is swallowed, and nobody is told. */
  hold(paths: readonly Path[], isHeld: boolean, sender?: Process): void {
    for (const path of paths) {
      if (sender === undefined || sender === path.client) path.isHeldUp = isHeld
      if (sender !== path.client) path.isHeldDown = isHeld
      path.link?.hold(path.isHeldUp, path.isHeldDown)
    }
  }

  reset(paths: readonly Path[]): void {
    for (const path of paths) path.link?.reset()
  }

  /** Breaks them, and refuses new links. */
  part(paths: readonly Path[], isParted: boolean): void {
    for (const path of paths) {
      path.isParted = isParted
      if (isParted) path.link?.reset()
    }
  }

  delay(paths: readonly Path[], byMs: number): void {
    for (const path of paths) path.delayMs = byMs
  }

  heal(): void {
    this.storm = undefined
    this.part(this.#paths, false)
    this.delay(this.#paths, 0)
    this.hold(this.#paths, false)
  }

  /** The ways of a process, or those between two. */
  between(one: Process, other?: Process): Path[] {
    return this.#paths.filter(({ client, station }) => {
      const ends = [client, station.process]
      return ends.includes(one) && (other === undefined || ends.includes(other))
    })
  }

  /** A process is no more. */
  died(dead: Process): void {
    for (const path of this.between(dead)) {
      path.link?.orphan(dead)
      for (const fail of path.dials) {
        path.client.at(this.#takes(path), Phase.read, () => fail('the broker died'))
      }
    }
    this.forget(dead)
  }

  /** A client that has ended dials no more. */
  forget(client: Process): void {
    const left = this.#paths.filter((path) => path.client !== client)
    this.#paths.splice(0, this.#paths.length, ...left)
  }

  #takes({ client, station, delayMs }: Path): number {
    const isHome = client.idc === station.process.idc
    return (isHome ? this.#latencyMs : this.#awayMs) + delayMs
  }

  #weather(path: Path): number | 'lost' {
    const takes = this.#takes(path)
    const { storm } = this
    if (storm === undefined) return takes
    if (this.#prng.chance(storm.resets)) return 'lost'
    return this.#prng.chance(storm.delays) ? takes + this.#prng.below(storm.delayMs + 1) : takes
  }

  #dial(
    path: Path,
    events: LinkEvents,
    onOpen: (wire: Wire) => void,
    onFail: (reason: string, isFinal: boolean) => void,
  ): Dialled {
    const { client, station } = path
    const { runtime } = client
    let isOver = false
    const end = (): boolean => {
      if (isOver) return false
      isOver = true
      runtime.clearTimer(limit)
      path.dials.delete(fail)
      return true
    }
    const fail = (reason: string): void => {
      if (end()) onFail(reason, false)
    }
    const limit = runtime.setTimer(() => fail('the broker did not answer the dial'), DIAL_MS)
    path.dials.add(fail)
    const takes = this.#takes(path)
    if (path.isParted || station.process.isDead) {
      client.at(2 * takes, Phase.read, () => fail('the connection was refused'))
    } else if (!path.isHeldUp && !path.isHeldDown) {
      station.process.at(takes, Phase.read, () => {
        if (isOver || client.isDead) return
        const link = this.#open(path)
        client.at(takes, Phase.read, () => {
          if (!end()) link.client.close(1006, 'the dial was given up')
          else if (link.client.isClosed) onFail('the link was reset', false)
          else {
            link.client.events = events
            onOpen(link.client)
          }
        })
      })
    }
    return { abort: () => void end() }
  }

  #open(path: Path): VirtualLink {
    const { client, station } = path
    const link: VirtualLink = new VirtualLink(
      client,
      station.process,
      () => this.#weather(path),
      () => {
        if (path.link === link) path.link = undefined
      },
    )
    path.link = link
    link.hold(path.isHeldUp, path.isHeldDown)
    station.accept(client.name, link.broker)
    return link
  }
}
