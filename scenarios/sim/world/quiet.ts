import assert from 'node:assert/strict'
import { hostOf } from './address.ts'
import type { BrokerNode } from './broker-node.ts'
import type { ClientNode } from './client-node.ts'
import type { RegistryNode } from './registry-node.ts'

/** By then sessions that nobody resumed have ended, and the marks of calls of seconds are gone. */
const QUIET_MS = 40_000

/** What is looked at. */
export interface QuietWorld {
  readonly brokers: ReadonlyMap<string, BrokerNode>
  readonly clients: ReadonlySet<ClientNode>
  readonly registries: ReadonlyMap<string, RegistryNode>
  healAll(): void
  run(ms: number): void
}

/** Everything that a story took must have been given back. */
export const assertQuiet = (world: QuietWorld): void => {
  world.healAll()
  world.run(QUIET_MS)
  for (let i = 0; i < 40 && isBeating(world); i++) world.run(50)
  for (const broker of world.brokers.values()) if (broker.isAlive) checkBroker(world, broker)
  for (const client of world.clients) if (client.isAlive) checkClient(client)
  for (const registry of world.registries.values()) {
    if (registry.isAlive) checkRegistry(world, registry)
  }
}

/** It knows all who announce themselves to it, and them alone; and all who follow it have heard. */
const checkRegistry = (world: QuietWorld, registry: RegistryNode): void => {
  const { name } = registry
  const announced = [...world.brokers.values()].filter(
    ({ isAlive, limits }) => isAlive && limits.registries?.includes(name) === true,
  )
  const ids = announced.map((broker) => broker.name).sort()
  assert.deepEqual(registry.brokers(), ids, `brokers of registry ${name}`)
  for (const { isAlive, name: client, following } of world.clients) {
    const copy = following?.copies.find(({ url }) => hostOf(url) === name)
    if (!isAlive || copy === undefined) continue
    const { state, brokers } = copy.view()
    const found = { state, brokers }
    assert.deepEqual(found, { state: 'known', brokers: ids.length }, `${name} by ${client}`)
  }
}

/** A link may be at its rare ping just now. */
const isBeating = (world: QuietWorld): boolean =>
  [...world.clients].some(({ links }) => links.some(isWatched)) ||
  [...world.brokers.values()].some(({ core }) => [...core.links].some(isWatched))

const checkBroker = (world: QuietWorld, broker: BrokerNode): void => {
  const view = broker.view()
  const { name } = broker
  const linked = [...world.clients].filter(
    (c) => c.isAlive && c.links.some((l) => l.broker === name && l.isUp),
  )
  const is = (what: string, found: unknown, wanted: unknown): void =>
    assert.deepEqual(found, wanted, `${name}: ${what}`)
  is('deliveries', view.deliveries, 0)
  is('waiting bytes', view.waitingBytes, 0)
  is('sessions', view.sessions, linked.length)
  is('links', view.links, linked.length)
  for (const { topic, queues } of view.topics) {
    for (const { queue, state, waiting, unanswered, depthBytes } of queues) {
      const found = { state, waiting, unanswered, depthBytes }
      const wanted = { state: 'writable', waiting: 0, unanswered: 0, depthBytes: 0 }
      is(`queue ${queue} of ${topic}`, found, wanted)
    }
  }
  const known = new Set<string>()
  for (const client of linked) {
    for (const registration of client.core.registrations.all) known.add(registration.topic)
  }
  for (const link of broker.core.links) {
    is(`busy link of ${link.address}`, link.busySince, -1)
    is(`watched heartbeat of ${link.address}`, isWatched(link), false)
    const session = link.session!
    const strangers = [...session.knownTo].filter((other) => other.link?.session !== other)
    is(`ended sessions kept by ${link.address}`, strangers.length, 0)
    is(`resume list of ${link.address}`, session.resume, undefined)
    is(`held replies of ${link.address}`, [session.held.length, session.heldBytes], [0, 0])
    is(`waiting requests of ${link.address}`, session.waiting.size, 0)
    for (const topic of session.watched) known.add(topic)
  }
  is('topics', view.topics.map(({ topic }) => topic).sort(), [...known].sort())
}

const checkClient = (client: ClientNode): void => {
  const { core, name } = client
  const is = (what: string, found: unknown, wanted: unknown): void =>
    assert.deepEqual(found, wanted, `${name}: ${what}`)
  for (const call of client.calls) is(`settlements of ${call.body}`, call.settlements.length, 1)
  is('futures', core.requester.inFlight, 0)
  is('marks', [core.marks.size, core.marks.keptBytes], [0, 0])
  is('owed replies', core.answers.owed, 0)
  for (const topic of core.requester.topics.all) {
    for (const queue of topic.queues) is(`in flight at ${queue.instance}`, queue.inFlight, 0)
  }
  for (const registration of core.registrations.all) {
    const { running, waiting, leaving } = registration
    const found = { running, waiting, leaving: leaving.size }
    is(`registration ${registration.topic}`, found, { running: 0, waiting: 0, leaving: 0 })
    const { queued } = client.laneOf(registration)
    is(`lane of ${registration.topic}`, queued, 0)
  }
  for (const link of client.links) {
    if (!link.isUp) continue
    is(`calls on ${link.url}`, [link.calls, link.busySince, link.recoveries], [0, -1, 0])
    is(`watched heartbeat of ${link.url}`, isWatched(link), false)
  }
}

/** A link with a lease is watched for as long as the lease is wanted; any other only while busy. */
const isWatched = ({ isBeating, leases }: { isBeating: boolean; leases: number }): boolean =>
  isBeating && leases === 0
