/** Fault row 35: a probe hangs, comes to nothing, or is answered too late; and operators who know better. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TOPIC } from '../scenarios/sim/world/client-node.ts'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'
import { Crew, type Member, release } from './virtual/crew.ts'
import { keyFor } from './virtual/town.ts'
import { drive } from './virtual/traffic.ts'

const TIMEOUT_MS = 100

/** Two responders, the first isolated, with a probe that is due now. */
const dueCrew = (perSecond = 500) => {
  const crew = new Crew(2)
  const [sick, well] = crew.members as [Member, Member]
  const { world, r } = crew
  const calls = { by: r, perSecond, ask: { timeoutMs: TIMEOUT_MS } }
  drive(world, 300, calls)
  sick.mood.takesMs = undefined
  const key = keyFor(sick.client, well.client)
  drive(world, 200, { by: r, perSecond: 100, ask: { timeoutMs: TIMEOUT_MS, key } })
  assert.equal(crew.isolationOf(sick), 'open')
  world.run(r.advised('queue_isolated')[0]!.forMs)
  /** The queue's calls that are probes. */
  const isProbe = (ask: Parameters<typeof r.call>[0]): boolean => {
    const call = r.call(ask)
    return call.future?.probeOf?.instance === sick.client.instance
  }
  return { crew, world, r, sick, well, calls, isProbe }
}

describe('a probe', () => {
  test('is a call that may run twice, if one comes within half a second', () => {
    const { crew, world, sick, isProbe } = dueCrew()
    for (let i = 0; i < 10; i++) assert.ok(!isProbe({}))
    assert.ok(isProbe({ idempotent: true }))
    assert.equal(crew.isolationOf(sick), 'half-open')
    for (let i = 0; i < 10; i++) assert.ok(!isProbe({ idempotent: true }), 'one at a time')
    world.run(5)
    release(sick.mood)
    world.assertQuiet()
  })

  test('may be any call, if none comes that may run twice', () => {
    const { world, sick, isProbe } = dueCrew()
    sick.mood.takesMs = 2
    world.run(500)
    assert.ok(isProbe({}))
    world.run(5)
    release(sick.mood)
    world.assertQuiet()
  })

  test('that hangs has failed after its own time, however patient its caller is', () => {
    const { crew, world, r, sick, isProbe, calls } = dueCrew()
    assert.ok(isProbe({ idempotent: true, timeoutMs: 20_000 }))
    world.run(1_100)
    drive(world, 50, calls)
    assert.equal(crew.isolationOf(sick), 'open')
    let second = -1
    for (let ms = 0; second < 0 && ms < 6_000; ms += 10) {
      world.run(10)
      if (isProbe({ idempotent: true })) second = ms
    }
    assert.ok(second >= 2_700, `${second} ms: longer than before`)
    world.run(20_000)
    assert.equal(r.advised('queue_restored').length, 0)
    release(sick.mood)
    world.assertQuiet()
  })

  test('answered after its time is no news, neither of the queue nor of the next probe', () => {
    const { crew, world, r, sick, isProbe } = dueCrew()
    const ask = { idempotent: true, timeoutMs: 20_000 }
    assert.ok(isProbe(ask))
    const late = r.calls.at(-1)!
    world.run(1_100)
    for (let ms = 0; !isProbe(ask); ms += 10) {
      assert.ok(ms < 8_000, 'a second one goes out')
      world.run(10)
    }
    const second = r.calls.at(-1)!
    world.run(5)
    const answers = sick.mood.held.splice(-2)
    answers[0]!.reply(0, 'late')
    world.run(5)
    assert.equal(late.reply, 'late', 'its caller has the reply all the same')
    assert.equal(crew.isolationOf(sick), 'half-open')
    for (let i = 0; i < 10; i++) assert.ok(!isProbe(ask), 'one at a time')
    answers[1]!.reply(0, 'well')
    world.run(5)
    assert.deepEqual([second.reply, crew.isolationOf(sick)], ['well', 'ramping'])
    release(sick.mood)
    world.assertQuiet()
  })

  test('given up by its caller says nothing: the next call may be the probe', () => {
    const { crew, world, r, sick, isProbe } = dueCrew()
    assert.ok(isProbe({ idempotent: true }))
    world.run(5)
    r.cancel(r.calls.at(-1)!)
    assert.equal(crew.isolationOf(sick), 'open')
    sick.mood.takesMs = 2
    assert.ok(isProbe({ idempotent: true }))
    world.run(10)
    assert.equal(crew.isolationOf(sick), 'ramping')
    release(sick.mood)
    world.assertQuiet()
  })

  test('refused, its call runs elsewhere, and the queue is left alone as long as before', () => {
    const { crew, world, r, sick, well, isProbe } = dueCrew()
    const { registrations, responder } = sick.client.core
    const lane = sick.client.laneOf([...registrations.all][0]!)
    // The lane is blocked, so that the probe waits in it and can be handed back.
    while (lane.running < 64) lane.offer(() => {})
    assert.ok(isProbe({ idempotent: true, body: 'probe' }))
    world.run(5)
    sick.client.step((now) => responder.handBack(now, [...registrations.all][0]!))
    const at = world.now
    world.run(20)
    const probe = r.calls.at(-1)!
    assert.equal(probe.reply, 're:probe')
    assert.equal(world.ledger.of(r.idOf(probe))[0]?.instance, well.client.instance)
    assert.equal(crew.isolationOf(sick), 'open')
    let next = 0
    while (next === 0 && world.now < at + 4_000) {
      world.run(10)
      if (isProbe({ idempotent: true })) next = world.now - at
    }
    assert.ok(next >= 1_300 && next <= 2_700, `${next}`)
  })

  test('refused only because the way was long unused: it is sent again, and counts', () => {
    const { crew, world, r, sick, isProbe } = dueCrew()
    sick.client.links[0]!.idlePingAt = Number.POSITIVE_INFINITY
    sick.mood.takesMs = 2
    release(sick.mood)
    world.run(6_000)
    assert.ok(isProbe({ idempotent: true }))
    world.run(20)
    const probe = r.calls.at(-1)!
    assert.ok(probe.future!.attempt > 1, 'it was refused')
    assert.equal(world.ledger.of(r.idOf(probe))[0]?.instance, sick.client.instance)
    assert.equal(crew.isolationOf(sick), 'ramping')
  })

  test('whose responder is lost with it has failed, and ends the isolation of nobody', () => {
    const { crew, world, r, sick, isProbe } = dueCrew()
    assert.ok(isProbe({ idempotent: true, body: 'probe', timeoutMs: 3_000 }))
    world.run(5)
    world.kill(sick.client)
    world.run(1_000)
    assert.equal(r.calls.at(-1)?.reply, 're:probe', 'it may run twice: the other had it')
    assert.equal(crew.isolationOf(sick), 'none', 'its queue is gone')
    world.assertQuiet()
  })

  test('whose link is lost is answered by another way and settles nothing else', () => {
    const { crew, world, r, sick, isProbe } = dueCrew()
    sick.mood.takesMs = 300
    assert.ok(isProbe({ idempotent: true, body: 'probe', timeoutMs: 3_000 }))
    world.run(5)
    world.cut(r)
    world.run(1_000)
    assert.equal(r.calls.at(-1)?.reply, 're:probe')
    assert.equal(world.ledger.of(r.idOf(r.calls.at(-1)!)).length, 1)
    assert.notEqual(crew.isolationOf(sick), 'half-open')
    release(sick.mood)
    world.assertQuiet()
  })
})

describe('how long a probe may take, and where it goes', () => {
  for (const takesMs of [300, 1_500]) {
    test(`a queue that has not answered yet gets the time the others need: ${takesMs} ms`, () => {
      const crew = new Crew(2, takesMs)
      const [sick] = crew.members as [Member]
      const { world, r } = crew
      sick.mood.takesMs = undefined
      const calls = { by: r, perSecond: 20, ask: { timeoutMs: 2 * takesMs } }
      drive(world, 8 * takesMs, calls)
      assert.equal(r.advised('queue_isolated').length, 1)
      sick.mood.takesMs = takesMs
      drive(world, 10_000, calls)
      assert.equal(r.advised('queue_restored').length, 1)
      release(sick.mood)
      world.assertQuiet()
    })
  }

  test('calls that are at home do not leave it to see how a queue elsewhere does', () => {
    const world = new World()
    world.broker('sz', { idc: 'sz' })
    world.broker('sh', { idc: 'sh' })
    world.client('Ysz', { idc: 'sz' }).answer(replies(2))
    world.client('Ysh', { idc: 'sh' }).answer(replies(2))
    const sick = world.client('Sick', { idc: 'sh' })
    sick.answer(replies(300))
    const r = world.client('R', { idc: 'sz' })
    world.run(500)
    const calls = { by: r, perSecond: 100, ask: { timeoutMs: 150, idempotent: true } }
    drive(world, 500, calls)
    world.kill(world.brokers.get('sz')!)
    drive(world, 2_000, calls)
    assert.equal(r.advised('queue_isolated').length, 1)
    world.restart('sz')
    drive(world, 12_000, calls)
    const { crossIdc } = r.core.state.counters
    const home = drive(world, 30_000, calls)
    assert.deepEqual(
      home.failed.filter(({ isSettled }) => isSettled),
      [],
    )
    assert.equal(r.core.state.counters.crossIdc, crossIdc)
    world.assertQuiet()
  })
})

describe('calls from before', () => {
  test('that fail after the queue was taken back do not isolate it again', () => {
    const crew = new Crew(2)
    const [sick, other] = crew.members as [Member, Member]
    const { world, r } = crew
    const key = keyFor(sick.client, other.client)
    const calls = { by: r, perSecond: 200, ask: { timeoutMs: TIMEOUT_MS, key } }
    drive(world, 300, calls)
    sick.mood.takesMs = undefined
    r.callMany(20, { key, timeoutMs: 6_000 })
    drive(world, 300, calls)
    assert.equal(crew.isolationOf(sick), 'open')
    sick.mood.takesMs = 2
    for (let ms = 0; crew.isolationOf(sick) !== 'ramping' && ms < 4_000; ms += 10) {
      drive(world, 10, calls)
    }
    drive(world, 4_000, calls)
    assert.equal(
      r.calls.filter(({ timeoutMs, isSettled }) => timeoutMs > 5_000 && !isSettled).length,
      0,
    )
    assert.equal(r.advised('queue_isolated').length, 1)
  })
})

describe('an operator', () => {
  test('forces a queue open: it gets nothing until then, and everything afterwards', () => {
    const crew = new Crew(3)
    const { world, r } = crew
    const [forced] = crew.members as [Member]
    const calls = { by: r, perSecond: 1_000, ask: { timeoutMs: TIMEOUT_MS, idempotent: true } }
    drive(world, 200, calls)
    const { instance } = forced.client
    const about = { topic: TOPIC, instance, idc: undefined, reason: 'a bad disk' }
    const force = (to: 'open' | 'closed' | 'probe' | 'auto', ms = 0): number => {
      let meant = 0
      r.step((now) => {
        meant = r.core.requester.force(now, { ...about, to, until: now + ms })
      })
      return meant
    }
    assert.equal(force('open', 5_000), 1)
    const during = drive(world, 5_000, calls)
    assert.equal(during.to(forced.client).length, 0)
    const after = drive(world, 1_000, calls)
    assert.ok(Math.abs(after.shareOf(forced.client) - 1 / 3) < 0.05)
    assert.equal(crew.isolationOf(forced), 'closed')
    assert.equal(r.advised('queue_forced')[0]?.reason, 'a bad disk')

    assert.equal(force('open', 60_000), 1)
    drive(world, 100, calls)
    force('probe')
    const probed = drive(world, 2, { ...calls, perSecond: 4_000 })
    assert.equal(probed.to(forced.client).length, 1, 'one call may look')
    world.run(10)
    assert.equal(crew.isolationOf(forced), 'ramping')

    assert.equal(force('open', 60_000), 1)
    force('auto')
    assert.notEqual(crew.isolationOf(forced), 'open')
    world.assertQuiet()
  })

  test('forces a queue closed: it is not isolated, whatever its calls say', () => {
    const crew = new Crew(2)
    const { world, r } = crew
    const [sick] = crew.members as [Member]
    const calls = { by: r, perSecond: 200, ask: { timeoutMs: TIMEOUT_MS } }
    drive(world, 200, calls)
    sick.mood.takesMs = 3 * TIMEOUT_MS
    const all = {
      topic: TOPIC,
      instance: undefined,
      idc: 'local',
      to: 'closed',
      reason: 'we measure it',
    } as const
    r.step((now) => {
      const force = { ...all, until: now + 3_000 }
      assert.equal(r.core.requester.force(now, force), 2)
    })
    const during = drive(world, 2_900, calls)
    assert.ok(during.to(sick.client).length > 20)
    assert.equal(r.advised('queue_isolated').length, 0)
    drive(world, 1_000, calls)
    assert.equal(r.advised('queue_isolated').length, 1, 'its time is over')
    assert.equal(crew.isolationOf(sick), 'open')
    world.run(1_000)
    world.assertQuiet()
  })

  test('forces what nobody calls, or another instance: nothing is meant', () => {
    const crew = new Crew(1)
    const { r } = crew
    r.call()
    const force = { instance: undefined, idc: undefined, to: 'open', reason: '' } as const
    r.step((now) => {
      const until = now + 1_000
      assert.equal(r.core.requester.force(now, { ...force, topic: 'never.called', until }), 0)
      const other = { ...force, topic: TOPIC, until, instance: 'instance-else' }
      assert.equal(r.core.requester.force(now, other), 0)
    })
    crew.world.run(100)
    assert.equal(r.calls[0]?.end, 'reply')
  })
})
