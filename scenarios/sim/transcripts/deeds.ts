import type { Target } from '../../drills/targets.ts'
import { type Act, actText, type Deed, WordsError } from '../../drills/words.ts'
import type { ClientNode } from '../world/client-node.ts'
import type { Direction } from '../world/direction.ts'
import type { Cast, Member } from './cast.ts'

type Deal = Extract<Act, { verb: Deed }>
type Harming = Extract<Act, { from: Target }>
type Slowing = Extract<Act, { verb: 'slow' }>
type Scaling = Extract<Act, { verb: 'add' | 'remove' }>

/** A way between a client and a broker that an act is about. */
interface Way {
  readonly client: ClientNode
  readonly broker: string
  /** What only the first named sends goes this way. */
  readonly direction: Direction
}

/**
 * Does to the virtual world what the words of drills say. Healing a way, or the end of what was done to
 * it for a while, ends all that was done to it.
 */
export class Deeds {
  readonly #cast: Cast
  readonly #onOver: (text: string) => void

  /** `onOver` is told when what was done for a while is undone. */
  constructor(cast: Cast, onOver: (text: string) => void) {
    this.#cast = cast
    this.#onOver = onOver
  }

  do(act: Act): void {
    switch (act.verb) {
      case 'kill':
      case 'freeze':
      case 'stop':
      case 'restart':
      case 'thaw':
        this.#toMembers(act)
        return
      case 'cut':
      case 'part':
      case 'reset':
      case 'delay':
        this.#toWays(act)
        return
      case 'slow':
        this.#slow(act)
        return
      case 'heal':
        this.#heal()
        return
      case 'add':
        this.#cast.addClients('responder', act.idc, act.count)
        return
      case 'remove':
        this.#remove(act)
        return
      case 'load':
        throw new WordsError(`"${actText(act)}" is for drills: a story asks its calls itself`)
      default:
        throw new WordsError(`"${actText(act)}" is for drills on a cluster of somebody's own`)
    }
  }

  #toMembers(act: Deal): void {
    const members = this.#cast.meant(act.target)
    for (const member of members) this.#toMember(act.verb, member)
    if (act.forMs === undefined) return
    this.#cast.world.after(act.forMs, () => {
      this.#onOver(`${actText(act)}: over`)
      for (const member of members) {
        if (act.verb === 'freeze') member.node.thaw()
        else if (!member.node.isAlive) this.#cast.restart(member)
      }
    })
  }

  #toMember(verb: Deed, member: Member): void {
    const { world } = this.#cast
    const { node } = member
    if (verb === 'restart') this.#cast.restart(member)
    else if (!node.isAlive) return
    else if (verb === 'kill') world.kill(node)
    else if (verb === 'freeze') world.freeze(node)
    else if (verb === 'thaw') node.thaw()
    else this.#cast.stop(member)
  }

  #toWays(act: Harming): void {
    const { world } = this.#cast
    const ways = this.#waysBetween(act.target, act.from)
    if (ways.length === 0)
      throw new WordsError('there is no way between a client and a broker in it')
    for (const { client, broker, direction } of ways) {
      const hurt = act.isOneWay === true ? direction : 'both'
      if (act.verb === 'reset') world.cut(client, broker)
      else if (act.verb === 'part') world.part(client, broker)
      else if (act.verb === 'delay') world.delay(client, broker, act.byMs!, hurt)
      else world.hold(client, broker, hurt)
    }
    if (act.forMs === undefined) return
    world.after(act.forMs, () => {
      this.#onOver(`${actText(act)}: over`)
      for (const { client, broker } of ways) world.heal(client, broker)
    })
  }

  #slow({ target, byMs, forMs, ...act }: Slowing): void {
    const members = this.#cast.meant(target)
    const add = (ms: number): void => {
      for (const member of members) if (member.kind === 'responder') member.mood.slowMs += ms
    }
    add(byMs)
    if (forMs === undefined) return
    this.#cast.world.after(forMs, () => {
      this.#onOver(`${actText({ ...act, target, byMs, forMs })}: over`)
      add(-byMs)
    })
  }

  /** All ways are as they were, and nobody is frozen, slow or hung. */
  #heal(): void {
    this.#cast.world.healAll()
    for (const client of this.#cast.clients) {
      client.mood.slowMs = 0
      this.#cast.release(client)
    }
  }

  #remove({ count, idc }: Scaling): void {
    const responders = this.#cast
      .meant({ kind: 'responder', idc })
      .filter(({ node }) => node.isAlive)
    for (const responder of responders.slice(-count)) this.#cast.stop(responder)
  }

  /** Between clients of one side and brokers of the other, both ways round. */
  #waysBetween(target: Target, from: Target): Way[] {
    const one = this.#cast.meant(target)
    const other = this.#cast.meant(from)
    return [...pairs(one, other, 'up'), ...pairs(other, one, 'down')]
  }
}

const pairs = (clients: Member[], brokers: Member[], direction: Direction): Way[] =>
  clients.flatMap((client) =>
    client.kind === 'broker'
      ? []
      : brokers.flatMap((broker) =>
          broker.kind === 'broker' ? [{ client: client.node, broker: broker.name, direction }] : [],
        ),
  )
