/** A drill on brokers that run already: its own clients and their ways are hurt, and nothing else. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isOk, misledOf, twiceOf } from '../../scenarios/bench/survival/calls.ts'
import { type AttachedOptions, attachedStage } from '../../scenarios/live/index.ts'
import { ownTmp, Theatre } from '../support/live.ts'
import { registry } from '../support/registry.ts'
import { story, until, type World } from '../support/world.ts'

const TOKEN = 'a-token-of-the-drill'

const attached = (world: World, options: AttachedOptions): Theatre =>
  new Theatre(world, attachedStage(options))

story(
  'clients of a drill are cut, slowed and killed at brokers of others, which cannot be',
  async (world) => {
    const tmp = ownTmp(world)
    const tokens = [{ token: TOKEN, request: ['finbus.drill'], reply: ['finbus.drill'] }]
    const [east, west] = await Promise.all(
      ['east', 'west'].map((idc) => world.broker({ idc, id: `${idc}-broker`, tokens })),
    )
    const tokenFile = join(tmp, 'token')
    writeFileSync(tokenFile, `${TOKEN}\n`)
    const theatre = attached(world, { url: [east!.url, west!.url], tokenFile })
    const { stage } = theatre
    const idc = { responders: 1 }
    await theatre.start({ idcs: { east: idc, west: idc } }, { rate: 50 })
    await theatre.sees('queues are known by names', ({ queues }) => {
      const owners = new Set(queues.map(({ owner }) => owner))
      return queues.length > 0 && [...owners].every((owner) => /^(east|west)-1$/.test(owner))
    })
    const { players } = await theatre.look()
    assert.deepEqual(
      players.filter(({ kind }) => kind === 'broker').map(({ name, idc }) => `${name} ${idc}`),
      ['east-broker east', 'west-broker west'],
    )
    for (const line of ['kill broker east-broker', 'freeze idc east', 'restart all registries']) {
      await assert.rejects(theatre.act(line), (error: Error) =>
        error.message.startsWith(`not on a cluster of yours: ${line}; its processes are not the`),
      )
    }
    await theatre.act('cut requester east-1 from broker east-broker')
    await theatre.sees('it is answered elsewhere', ({ calls }) => {
      return calls.some(({ idc, byIdc }) => idc === 'east' && byIdc === 'west')
    })
    await theatre.act('heal', 'kill responder east-1 for 200 ms', 'slow all responders by 20 ms')
    await theatre.sees('it is back', ({ players }) => players.length === 6)
    await theatre.settle()
    const ledger = stage.ledger()
    assert.ok(theatre.calls.filter(isOk).length > 10)
    assert.deepEqual(twiceOf(theatre.calls, ledger), [])
    assert.deepEqual(misledOf(theatre.calls, ledger), [])
    await stage.end()
    await until('nobody stays linked', () => east!.snapshot().links + west!.snapshot().links === 0)
  },
  90_000,
)

story(
  'the brokers are learned from a registry; an IDC that has none of them is told',
  async (world) => {
    const { url } = await registry(world)
    await world.broker({ idc: 'east', id: 'east-broker', registry: url })
    const theatre = attached(world, { registry: [url], topic: 'somebody.drill' })
    await theatre.start({ idcs: { east: { responders: 1 } } }, { rate: 50 })
    await theatre.sees('calls are answered', ({ calls }) => calls.some(isOk))
    await theatre.stage.end()
    const lost = attached(world, { registry: [url] })
    await assert.rejects(
      lost.start({ idcs: { sz: { responders: 1 } } }),
      /no broker in IDC sz; its IDCs are: east/,
    )
    await lost.stage.end()
  },
  90_000,
)
