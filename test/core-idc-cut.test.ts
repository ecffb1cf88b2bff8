/** The network between two data centres fails, in one direction or both, while both of them work. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ClientNode } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { sites } from './virtual/site.ts'
import { drive, type Stream, type Traffic } from './virtual/traffic.ts'

const CUT_MS = 20_000
const TIMEOUT_MS = 1_500
const FAR = { topic: 'only.there', timeoutMs: TIMEOUT_MS }

/** Two data centres; one topic is answered in both, another only in the second. */
const arrange = () => {
  const world = new World()
  world.awayMs = 5
  const [sz, sh] = sites(world, { sz: { responders: 2 }, sh: { responders: 2 } })
  const far = world.client('far', { idc: 'sh' })
  far.answer(replies(2), { topic: FAR.topic, group: 'far' })
  const [r, other] = [sz!.requester(), sh!.requester()]
  world.run(500)
  const streams: Stream[] = [
    { by: r, perSecond: 200 },
    { by: other, perSecond: 200 },
    { by: r, perSecond: 20, ask: FAR },
    { by: r, perSecond: 5, ask: { ...FAR, waitForResponder: true, idempotent: true } },
  ]
  return { world, sz: sz!, sh: sh!, far, r, other, streams }
}

const homeCalls = (traffic: Traffic): Traffic =>
  traffic.only(({ call }) => call.ask.topic === undefined)
const farCalls = (traffic: Traffic, isPatient: boolean): Traffic =>
  traffic.only(
    ({ call }) =>
      call.ask.topic !== undefined && (call.ask.waitForResponder === true) === isPatient,
  )

const WALLS: Record<string, [string, string][]> = {
  'both ways': [
    ['sz', 'sh'],
    ['sh', 'sz'],
  ],
  'one way: requests are lost, replies would pass': [['sz', 'sh']],
  'one way: requests pass, replies are lost': [['sh', 'sz']],
}

for (const [how, walls] of Object.entries(WALLS)) {
  describe(`cut for 20 s, ${how}`, () => {
    const { world, sz, sh, streams } = arrange()
    const before = drive(world, 1_000, ...streams)
    const from = world.now
    for (const wall of walls) world.wall(...wall)
    const cut = drive(world, CUT_MS, ...streams)
    for (const wall of walls) world.unwall(...wall)
    const healing = drive(world, 5_000, ...streams)
    const healed = drive(world, 1_000, ...streams)
    world.run(TIMEOUT_MS)

    test('what is answered at home goes on, without an error or a delay', () => {
      for (const period of [before, cut, healing, healed]) {
        const home = homeCalls(period)
        assert.deepEqual([home.ends, home.tookMs(1_000) < 15], [{ reply: home.count }, true])
      }
    })

    test('what is only answered on the other side has no responder, or is waited for', () => {
      const later = cut.between(from + 1_500, from + CUT_MS)
      const eager = farCalls(later, false)
      assert.deepEqual(eager.ends, { 'no_responder not_executed': eager.count })
      assert.ok(eager.tookMs(990) <= 300, `it takes ${eager.tookMs(990)} ms to say so`)
      for (const call of farCalls(later, true).failed) {
        assert.deepEqual([call.end, call.tookMs > 1_000], ['deadline_exceeded not_executed', true])
      }
      for (const call of farCalls(cut.between(from, from + 1_500), false).failed) {
        assert.match(
          call.end,
          /^(no_responder not_executed|(deadline_exceeded|responder_lost) unknown)$/,
        )
      }
    })

    test('healed, all is as before; and nothing was executed twice', () => {
      assert.deepEqual(healed.failed, [])
      for (const period of [before, cut, healing, healed]) assert.deepEqual(period.ranTwice, [])
      for (const call of farCalls(healing, true).failed) assert.fail(call.end)
      const [atHome, away] = [homeCalls(healed).ranIn(sz), homeCalls(healed).ranIn(sh)]
      assert.deepEqual([atHome, away], [200, 200])
      world.assertQuiet()
    })
  })
}

describe('a cut that nobody at home notices', () => {
  test('a topic that nobody answers is refused soon, although brokers elsewhere do not say so', () => {
    const { world, r } = arrange()
    world.wall('sh', 'sz')
    const call = r.call({ topic: 'nowhere', timeoutMs: 3_000 })
    world.run(1_500)
    assert.equal(call.end, 'no_responder not_executed')
    assert.ok(call.tookMs <= 300, `after ${call.tookMs} ms`)
    world.assertQuiet()
  })

  test('home is behind while the others are cut off: calls wait for home, and get through', () => {
    const { world, sz, r } = arrange()
    const only: ClientNode = sz.responders[0]!
    world.kill(sz.responders[1]!)
    world.run(500)
    world.wall('sh', 'sz')
    world.wall('sz', 'sh')
    r.call({ timeoutMs: 3_000 })
    world.freeze(only, 700)
    world.run(300)
    const call = r.call({ timeoutMs: 3_000 })
    world.run(1_500)
    assert.equal(call.end, 'reply')
    world.assertQuiet()
  })
})
