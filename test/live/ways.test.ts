/** Which ways an act hurts, and what is left of it when another one ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Player } from '../../scenarios/drills/targets.ts'
import { parseAct } from '../../scenarios/drills/words.ts'
import type { Condition } from '../../scenarios/live/fault-proxy.ts'
import type { Change, WayTo } from '../../scenarios/live/network-part.ts'
import type { PartOf } from '../../scenarios/live/parts.ts'
import { Ways } from '../../scenarios/live/ways.ts'

const player = (text: string, idc: string): Player => {
  const [kind, name] = text.split(' ') as [Player['kind'], string]
  return { kind, name, idc }
}
const BROKERS = [
  player('broker sz-1', 'sz'),
  player('broker sz-2', 'sz'),
  player('broker sh-1', 'sh'),
]
const REGISTRY = player('registry 1', '')
const CLIENTS = [
  player('responder sz-1', 'sz'),
  player('requester sz-1', 'sz'),
  player('responder sh-1', 'sh'),
]

/** Remembers what it is told, in place of the process that holds the proxies. */
class Told {
  readonly conditions = new Map<number, Condition>()
  readonly resets: number[] = []
  #lastPort = 0

  readonly network = {
    ask: async (verb: string, arg: object): Promise<unknown> => {
      if (verb === 'open') return (arg as { ways: WayTo[] }).ways.map(() => ++this.#lastPort)
      if (verb === 'reset') this.resets.push(...(arg as { ports: number[] }).ports)
      for (const { port, condition } of (arg as { changes?: Change[] }).changes ?? []) {
        this.conditions.set(port, condition)
      }
      return undefined
    },
  } as unknown as PartOf<'network'>
}

class Town {
  readonly told = new Told()
  readonly ways = new Ways(this.told.network)
  readonly #names = new Map<number, string>()

  static async open(): Promise<Town> {
    const town = new Town()
    const to = { host: '127.0.0.1', port: 1 }
    for (const client of CLIENTS) await town.#open(client, BROKERS, to)
    for (const broker of BROKERS) await town.#open(broker, [REGISTRY], to)
    return town
  }

  async #open(client: Player, servers: Player[], to: WayTo): Promise<void> {
    const ports = await this.ways.open(
      client,
      servers.map((server) => ({ server, to })),
    )
    ports.forEach((port, i) => {
      this.#names.set(port, nameOf(client, servers[i]!))
    })
  }

  hurt(line: string): Promise<() => Promise<void>> {
    const act = parseAct(line)
    assert.ok(act.verb === 'cut' || act.verb === 'part' || act.verb === 'delay')
    return this.ways.hurt(act.verb, act, act.byMs)
  }

  /** Ways that are not as they were: `up`, `down`, `refuse` or milliseconds, by who uses them. */
  get hurtWays(): Record<string, string> {
    const hurt: Record<string, string> = {}
    for (const [port, { up, down, admission }] of this.told.conditions) {
      const words = [
        ...(up?.isCut === true ? ['up'] : []),
        ...(down?.isCut === true ? ['down'] : []),
        ...((up?.latencyMs ?? 0) > 0 ? [`${up?.latencyMs} up`] : []),
        ...((down?.latencyMs ?? 0) > 0 ? [`${down?.latencyMs} down`] : []),
        ...(admission === 'refuse' ? ['refuse'] : []),
      ]
      if (words.length > 0) hurt[this.#names.get(port)!] = words.join(' ')
    }
    return hurt
  }

  get resets(): string[] {
    return this.told.resets.map((port) => this.#names.get(port)!)
  }
}

const nameOf = (client: Player, server: Player): string =>
  `${client.kind} ${client.name} > ${server.kind} ${server.name}`

test('a cut between two is of the one way they have, whoever is named first', async () => {
  for (const line of [
    'cut responder sz-1 from broker sh-1',
    'cut broker sh-1 from responder sz-1',
  ]) {
    const town = await Town.open()
    const heal = await town.hurt(line)
    assert.deepEqual(town.hurtWays, { 'responder sz-1 > broker sh-1': 'up down' })
    await heal()
    assert.deepEqual(town.hurtWays, {})
  }
})

test('one way, only what the first one sends is swallowed', async () => {
  const town = await Town.open()
  await town.hurt('cut responder sz-1 from broker sh-1 one way')
  await town.hurt('cut broker sz-1 from responder sh-1 one way')
  await town.hurt('delay broker sz-2 from requester sz-1 by 20 ms one way')
  assert.deepEqual(town.hurtWays, {
    'responder sz-1 > broker sh-1': 'up',
    'responder sh-1 > broker sz-1': 'down',
    'requester sz-1 > broker sz-2': '20 down',
  })
})

test('between data centres responders are cut off, and requesters where they are named', async () => {
  const town = await Town.open()
  await town.hurt('cut idc sz from idc sh')
  const responders = [
    'responder sh-1 > broker sz-1',
    'responder sh-1 > broker sz-2',
    'responder sz-1 > broker sh-1',
  ]
  assert.deepEqual(Object.keys(town.hurtWays).sort(), responders)
  await town.hurt('cut requesters of sz from idc sh')
  const all = ['requester sz-1 > broker sh-1', ...responders]
  assert.deepEqual(Object.keys(town.hurtWays).sort(), all)
})

test('brokers can be cut from registries', async () => {
  const town = await Town.open()
  await town.hurt('cut brokers of sz from all registries')
  assert.deepEqual(town.hurtWays, {
    'broker sz-1 > registry 1': 'up down',
    'broker sz-2 > registry 1': 'up down',
  })
})

test('of two harms that end at different times the other one stays', async () => {
  const town = await Town.open()
  const [short, long] = [
    await town.hurt('cut requester sz-1 from broker sz-1 for 1 s'),
    await town.hurt('cut requester sz-1 from brokers of sz for 5 s'),
  ]
  const slow = await town.hurt('delay requester sz-1 from all brokers by 30 ms')
  await town.hurt('delay requester sz-1 from broker sh-1 by 10 ms')
  await town.hurt('part requester sz-1 from broker sh-1')
  await short()
  await short()
  assert.deepEqual(town.hurtWays, {
    'requester sz-1 > broker sz-1': 'up down 30 up 30 down',
    'requester sz-1 > broker sz-2': 'up down 30 up 30 down',
    'requester sz-1 > broker sh-1': '30 up 30 down refuse',
  })
  await long()
  await slow()
  assert.deepEqual(town.hurtWays, { 'requester sz-1 > broker sh-1': '10 up 10 down refuse' })
  await town.ways.heal()
  assert.deepEqual(town.hurtWays, {})
})

test('a reset is once, and of all ways between', async () => {
  const town = await Town.open()
  const act = parseAct('reset all requesters from brokers of sz')
  assert.ok(act.verb === 'reset')
  await town.ways.reset(act)
  assert.deepEqual(town.resets, ['requester sz-1 > broker sz-1', 'requester sz-1 > broker sz-2'])
  assert.deepEqual(town.hurtWays, {})
})

test('where there is no way it says so', async () => {
  const town = await Town.open()
  await assert.rejects(town.hurt('cut responder sz-1 from responder sh-1'), (error: Error) => {
    return /no way between responder sz-1 and responder sh-1: clients are linked to brokers/.test(
      error.message,
    )
  })
})
