/** One sick queue hurts nobody else: isolation from the first failure to the last step of the way back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { throws } from '../scenarios/sim/world/handlers.ts'
import { Crew, type Member } from './virtual/crew.ts'
import { drive, mostWithin, type Stream } from './virtual/traffic.ts'

const OTHER = 'account.open'
const TIMEOUT_MS = 100

/** Four responders; the first of them is the sick one of these stories. */
const crewOfFour = () => {
  const crew = new Crew(4)
  const [sick, ...others] = crew.members as [Member, ...Member[]]
  const calls: Stream = { by: crew.r, perSecond: 2_000, ask: { timeoutMs: TIMEOUT_MS } }
  return { crew, sick, others, calls }
}

/** Its calls run into their deadline until it is isolated. */
const fallSick = ({ crew, sick, calls }: ReturnType<typeof crewOfFour>) => {
  const { world } = crew
  drive(world, 500, calls)
  sick.mood.takesMs = 3 * TIMEOUT_MS
  let ms = 0
  for (; crew.isolationOf(sick) === 'closed' && ms < 500; ms += 5) drive(world, 5, calls)
  return ms
}

describe('check 13: the life of an isolation', () => {
  test('after the first failures it gets nothing until one probe', () => {
    const story = crewOfFour()
    const { crew, sick, others, calls } = story
    const isolatedMs = fallSick(story)
    assert.ok(isolatedMs <= 2 * TIMEOUT_MS, `isolated after ${isolatedMs} ms`)
    assert.equal(crew.r.advised('queue_isolated').length, 1)
    const { forMs } = crew.r.advised('queue_isolated')[0]!
    assert.ok(forMs >= 1_400 && forMs <= 2_600)
    const open = drive(crew.world, forMs - 5, calls)
    crew.world.run(3 * TIMEOUT_MS)
    assert.equal(open.to(sick.client).length, 0)
    assert.deepEqual(open.failed, [])
    const [fair] = [open.count / 4]
    for (const { client } of others) assert.ok(open.to(client).length >= fair, 'they take its part')
    crew.world.assertQuiet()
  })

  test('few callers pay: not even one for each call it may have in flight', () => {
    const story = crewOfFour()
    fallSick(story)
    const { crew } = story
    crew.world.run(500)
    const failed = crew.r.calls.filter(({ end }) => end !== 'reply')
    assert.ok(failed.length >= 5 && failed.length <= 20, `${failed.length}`)
    for (const { end } of failed) assert.equal(end, 'deadline_exceeded unknown')
  })

  test('exactly one probe at each end of its wait, which doubles to the cap', () => {
    const story = crewOfFour()
    const { crew, sick } = story
    fallSick(story)
    crew.world.run(500)
    const calls = { by: crew.r, perSecond: 100, ask: { timeoutMs: TIMEOUT_MS, idempotent: true } }
    const from = crew.world.now
    const probes = drive(crew.world, 110_000, calls)
    const instants = [from, ...probes.ranAt(sick.client)]
    const waits = instants.slice(1).map((at, i) => at - instants[i]!)
    for (const [i, usualMs] of [2_000, 4_000, 8_000, 16_000, 30_000, 30_000].entries()) {
      const waitMs = waits[i] ?? usualMs
      // The first is counted from here; a failed one ends at its caller's deadline.
      const least = i === 0 ? 0 : usualMs * 0.7
      assert.ok(waitMs >= least && waitMs <= usualMs * 1.3 + 200, `${waits}`)
    }
    assert.ok(waits.length >= 5 && waits.length <= 8, `${waits}`)
    crew.world.run(500)
    assert.equal(probes.failed.length, waits.length, 'the probes, and nobody else')
    crew.world.assertQuiet()
  })

  test('after a good probe its share is back in five seconds, without a burst', () => {
    const story = crewOfFour()
    const { crew, sick, others, calls } = story
    const { world, r } = crew
    fallSick(story)
    sick.mood.takesMs = 2
    for (let ms = 0; crew.isolationOf(sick) !== 'ramping' && ms < 4_000; ms++)
      drive(world, 1, calls)
    assert.equal(r.advised('queue_restored').length, 1)
    const shares: number[] = []
    for (let second = 0; second < 5; second++) {
      const ramp = drive(world, 1_000, calls)
      shares.push(ramp.shareOf(sick.client))
      const fair = 50
      const most = mostWithin(ramp.ranAt(sick.client), 100)
      const mostOfOthers = Math.max(...others.map((o) => mostWithin(ramp.ranAt(o.client), 100)))
      assert.ok(most <= mostOfOthers + 10, `${most} in 100 ms, the others ${mostOfOthers}`)
      if (second < 2) assert.ok(most <= fair, `${most} in 100 ms in second ${second}`)
      world.run(10)
      assert.deepEqual(ramp.failed, [])
    }
    assert.ok(shares[0]! < 0.1, `${shares}`)
    for (let i = 1; i < 5; i++) assert.ok(shares[i]! > shares[i - 1]! * 0.95, `${shares}`)
    const back = drive(world, 2_000, calls)
    const share = back.shareOf(sick.client)
    assert.ok(share >= 0.225 && share <= 0.275, `${share}`)
    world.assertQuiet()
  })

  test('other queues and other topics, of the sick instance too, notice nothing', () => {
    const story = crewOfFour()
    const { crew, sick, calls } = story
    for (const { client } of crew.members) {
      client.answer((execution) => execution.reply(2, ''), { topic: OTHER })
    }
    crew.world.run(100)
    const other = { by: crew.r, perSecond: 2_000, ask: { topic: OTHER, timeoutMs: TIMEOUT_MS } }
    drive(crew.world, 100, calls, other)
    sick.mood.takesMs = 3 * TIMEOUT_MS
    const mixed = drive(crew.world, 2_000, calls, other)
    crew.world.run(500)
    const others = mixed.sent.filter(({ call }) => call.ask.topic === OTHER)
    assert.deepEqual(
      others.filter(({ call }) => call.end !== 'reply'),
      [],
    )
    for (const { client } of crew.members) {
      const count = others.filter(({ to }) => to === client.instance).length
      assert.ok(Math.abs(count - 1_000) <= 100, `${client.name}: ${count} of 4,000`)
    }
    const slowest = Math.max(...others.map(({ call }) => call.tookMs))
    assert.ok(slowest <= 10, `${slowest} ms`)
    assert.equal(crew.r.advised('queue_isolated').length, 1)
    crew.world.assertQuiet()
  })

  test('a topic that nobody answers isolates nothing', () => {
    const { crew, calls } = crewOfFour()
    const unknown = { by: crew.r, perSecond: 500, ask: { topic: 'nobody.answers' } }
    const mixed = drive(crew.world, 500, calls, unknown)
    crew.world.run(100)
    assert.equal(mixed.ends['no_responder not_executed'], 250)
    assert.equal(mixed.ends.reply, 1_000)
    for (const member of crew.members) assert.equal(crew.isolationOf(member), 'closed')
    crew.world.assertQuiet()
  })
})

describe('what is not the queue’s fault', () => {
  test('M4: callers less patient than the queue usually needs isolate nothing', () => {
    const crew = new Crew(4, 30)
    const { world, r } = crew
    drive(world, 500, { by: r, perSecond: 200, ask: { timeoutMs: 3_000 } })
    const hasty = { by: r, perSecond: 500, ask: { timeoutMs: 20 } }
    const patient = { by: r, perSecond: 50, ask: { timeoutMs: 3_000, body: 'patient' } }
    const mixed = drive(world, 5_000, hasty, patient)
    world.run(100)
    assert.deepEqual(mixed.ends, { reply: 250, 'deadline_exceeded unknown': 2_500 })
    assert.equal(r.advised('queue_isolated').length, 0)
    for (const member of crew.members) {
      assert.ok(Math.abs(mixed.shareOf(member.client) - 0.25) < 0.05)
    }
    world.assertQuiet()
  })

  test('M4: nor when they are the first to call, and nothing is known of it', () => {
    const crew = new Crew(4, 30)
    const { world, r } = crew
    const hasty = drive(world, 2_000, { by: r, perSecond: 500, ask: { timeoutMs: 20 } })
    world.run(100)
    assert.deepEqual(hasty.ends, { 'deadline_exceeded unknown': 1_000 })
    assert.equal(r.advised('queue_isolated').length, 0)
    const patient = drive(world, 500, { by: r, perSecond: 200 })
    world.run(100)
    assert.deepEqual(patient.ends, { reply: 100 })
    world.assertQuiet()
  })

  test('M4: if they were not so hasty, and isolated it all the same, patient ones set it right', () => {
    const crew = new Crew(4, 300)
    const { world, r } = crew
    drive(world, 2_000, { by: r, perSecond: 200, ask: { timeoutMs: 200 } })
    const patient = drive(world, 20_000, { by: r, perSecond: 50 })
    world.run(500)
    assert.deepEqual(patient.failed, [])
    for (const member of crew.members) assert.equal(crew.isolationOf(member), 'closed')
    world.assertQuiet()
  })

  test('a handler that throws: it answers', () => {
    const crew = new Crew(3)
    const { world, r } = crew
    const thrower = world.client('Thrower')
    thrower.answer(throws(2))
    world.run(100)
    const calls = drive(world, 3_000, { by: r, perSecond: 1_000, ask: { timeoutMs: 100 } })
    world.run(10)
    assert.deepEqual(calls.ends, { reply: 3_000 })
    assert.equal(r.advised('queue_isolated').length, 0)
    const share = calls.shareOf(thrower)
    assert.ok(share > 0.2 && share < 0.3, `${share}`)
    world.assertQuiet()
  })

  test('the last route: it is all there is', () => {
    const crew = new Crew(2)
    const { world, r } = crew
    const [a, b] = crew.members as [Member, Member]
    const calls = { by: r, perSecond: 200, ask: { timeoutMs: TIMEOUT_MS } }
    drive(world, 200, calls)
    a.mood.takesMs = b.mood.takesMs = 3 * TIMEOUT_MS
    const both = drive(world, 3_000, calls)
    world.run(500)
    const states = crew.members.map((member) => crew.isolationOf(member)).sort()
    assert.ok(states.includes('closed'), `${states}`)
    assert.equal(both.ends.reply, undefined)
    a.mood.takesMs = b.mood.takesMs = 2
    const well = drive(world, 1_000, calls)
    world.run(10)
    assert.deepEqual(well.failed, [], 'found out at once that it is well again')
    world.assertQuiet()
  })
})
