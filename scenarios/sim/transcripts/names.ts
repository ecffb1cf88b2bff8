import type { ClientNode } from '../world/client-node.ts'
import type { Cast, Member } from './cast.ts'

/** A life of a process as the trace calls it. */
export const nameOf = ({ kind, name }: Member, life: number): string =>
  life === 1 ? `${kind} ${name}` : `${kind} ${name} (life ${life})`

/**
 * Whom the numbers on the wire mean: a broker's handles, in the life that its last welcome on that link
 * told of, the ids of instances, and counters of calls.
 */
export class Names {
  readonly #cast: Cast
  readonly #ofInstance = new Map<string, string>()
  /** By client and broker: the broker life its link is in. */
  readonly #lives = new Map<string, number>()
  /** By broker life. */
  readonly #handles = new Map<number, Map<number, string>>()
  readonly #bodies = new Map<string, string>()

  constructor(cast: Cast) {
    this.#cast = cast
  }

  /** To be told of every life of a client before it is spoken of. */
  meet(member: Member): void {
    if (member.kind !== 'broker') {
      this.#ofInstance.set(member.node.instance, nameOf(member, member.life))
    }
  }

  broker(name: string): string {
    const member = this.#cast.brokers.find((one) => one.name === name)
    return member === undefined ? `broker ${name}` : nameOf(member, member.life)
  }

  instance(id: string): string {
    return this.#ofInstance.get(id) ?? id
  }

  /** Either end of a link, by what the other end knows of it. */
  peer(id: string): string {
    const isBroker = this.#cast.brokers.some((one) => one.name === id)
    return isBroker ? this.broker(id) : this.instance(id)
  }

  welcome(client: ClientNode, broker: string, life: number, handle: number): void {
    this.#lives.set(`${client.instance} ${broker}`, life)
    this.handle(life, handle, client.instance)
  }

  handle(life: number, handle: number, instance: string): void {
    const known = this.#handles.get(life) ?? new Map<number, string>()
    this.#handles.set(life, known.set(handle, instance))
  }

  lifeOf(client: ClientNode, broker: string): number {
    return this.#lives.get(`${client.instance} ${broker}`) ?? 0
  }

  /** The instance a handle means on that link. */
  instanceOf(client: ClientNode, broker: string, handle: number): string {
    return this.#handles.get(this.lifeOf(client, broker))?.get(handle) ?? `handle ${handle}`
  }

  call(instance: string, counter: number, isLong: boolean, body: string): void {
    this.#bodies.set(keyOf(instance, counter, isLong), body)
  }

  /** The body of a call of that instance; undefined of one that is not to be spoken of. */
  bodyOf(instance: string, counter: number, isLong: boolean): string | undefined {
    return this.#bodies.get(keyOf(instance, counter, isLong))
  }

  /** The same by the call's correlation id. */
  callOf(correlationId: string): string {
    const body = this.#bodies.get(correlationId)
    return body === undefined ? 'one of many calls' : `"${body}"`
  }
}

const keyOf = (instance: string, counter: number, isLong: boolean): string =>
  `${instance}-${isLong ? 'L' : ''}${counter}`
