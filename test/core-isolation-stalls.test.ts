/** WIRE-SAFETY H10: an owner that answers nothing is left alone, and what waits goes to the others. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Crew, type Member, release } from './virtual/crew.ts'
import { drive } from './virtual/traffic.ts'

const LANE = { concurrency: 8, prefetch: 8 }

const hungCrew = (count: number) => {
  const crew = new Crew(count, 2, LANE)
  const [hung, ...others] = crew.members as [Member, ...Member[]]
  const calls = { by: crew.r, perSecond: 1_000, ask: { timeoutMs: 3_000 } }
  return { crew, world: crew.world, r: crew.r, hung, others, calls }
}

describe('H10: handlers that never return', () => {
  test('what waits goes to the others, and only what runs is lost', () => {
    const { crew, world, r, hung, others, calls } = hungCrew(4)
    drive(world, 300, calls)
    world.run(20)
    hung.mood.takesMs = undefined
    const burst = r.callMany(2_000, { timeoutMs: 2_000 })
    world.run(500)
    const open = burst.filter(({ isSettled }) => !isSettled)
    assert.equal(open.length, LANE.concurrency, 'all but those that run')
    assert.equal(crew.stateOf(hung), 'stalled')
    const later = drive(world, 1_000, calls)
    assert.equal(later.to(hung.client).length, 0)
    assert.deepEqual(
      later.failed.filter(({ isSettled }) => isSettled),
      [],
    )
    world.run(2_000)
    const bad = burst.filter(({ end }) => end !== 'reply')
    assert.deepEqual(
      bad.map(({ end }) => end),
      Array(8).fill('deadline_exceeded unknown'),
    )
    for (const { client } of others) assert.ok(later.shareOf(client) > 0.25)
    for (const call of burst) assert.equal(world.ledger.of(r.idOf(call)).length, 1)
    release(hung.mood)
    world.assertQuiet()
  })

  test('one that answers again is taken back', () => {
    const { crew, world, r, hung, calls } = hungCrew(2)
    drive(world, 300, calls)
    hung.mood.takesMs = undefined
    r.callMany(500, { timeoutMs: 20_000 })
    world.run(1_000)
    assert.equal(crew.stateOf(hung), 'stalled')
    hung.mood.takesMs = 2
    release(hung.mood)
    world.run(100)
    assert.equal(crew.stateOf(hung), 'writable')
    assert.equal(crew.broker.advised('queue_answers').length, 1)
    // What its hung calls took is believed for a while; then one call finds out.
    drive(world, 6_000, { ...calls, perSecond: 200 })
    const back = drive(world, 1_000, calls)
    world.run(10)
    assert.deepEqual(back.failed, [])
    assert.ok(back.shareOf(hung.client) > 0.4, `${back.shareOf(hung.client)}`)
    assert.deepEqual(back.ranTwice, [])
    world.assertQuiet()
  })

  test('the only responder is not left alone: calls wait, or are told how it is', () => {
    const { crew, world, r, hung } = hungCrew(1)
    hung.mood.takesMs = undefined
    const calls = r.callMany(100, { timeoutMs: 1_000 })
    world.run(900)
    assert.equal(crew.stateOf(hung), 'writable')
    assert.equal(calls.filter(({ isSettled }) => isSettled).length, 0, 'they wait')
    world.run(200)
    for (const call of calls) {
      assert.ok(['deadline_exceeded', 'expired'].includes(call.error!.code), call.end)
      const ran = world.ledger.of(r.idOf(call)).length
      if (call.error?.outcome === 'not_executed') assert.equal(ran, 0)
    }
    assert.equal(world.ledger.total, LANE.concurrency)
    hung.mood.takesMs = 2
    release(hung.mood)
    world.run(100)
    const well = drive(world, 500, { by: r, perSecond: 200 })
    world.run(10)
    assert.deepEqual(well.failed, [])
    world.assertQuiet()
  })

  test('the others go: it is the last one, and is asked again', () => {
    const { crew, world, r, hung, others, calls } = hungCrew(2)
    drive(world, 300, calls)
    hung.mood.takesMs = undefined
    r.callMany(500, { timeoutMs: 3_000 })
    world.run(500)
    assert.equal(crew.stateOf(hung), 'stalled')
    world.kill(others[0]!.client)
    world.run(300)
    assert.equal(crew.stateOf(hung), 'writable')
    hung.mood.takesMs = 2
    release(hung.mood)
    world.run(50)
    const well = drive(world, 500, { by: r, perSecond: 200 })
    world.run(10)
    assert.deepEqual(well.failed, [])
    world.assertQuiet()
  })

  test('both hang: neither is left alone for the other', () => {
    const { crew, world, r, hung, others } = hungCrew(2)
    const [other] = others as [Member]
    hung.mood.takesMs = undefined
    other.mood.takesMs = undefined
    r.callMany(500, { timeoutMs: 1_500 })
    world.run(1_000)
    assert.ok([crew.stateOf(hung), crew.stateOf(other)].includes('writable'))
    world.run(1_000)
    for (const member of [hung, other]) {
      member.mood.takesMs = 2
      release(member.mood)
    }
    world.run(200)
    assert.deepEqual([crew.stateOf(hung), crew.stateOf(other)], ['writable', 'writable'])
    world.assertQuiet()
  })

  test('it holds calls of another topic only: this one is taken back once it owes nothing', () => {
    const { crew, world, r, hung } = hungCrew(2)
    const { client } = hung
    client.answer((execution) => execution.reply(2, ''), { topic: 'account.open' })
    drive(world, 300, { by: r, perSecond: 200 })
    world.run(500)
    r.callMany(5, { topic: 'account.open' })
    world.run(1)
    world.freeze(client, 700)
    world.run(500)
    assert.equal(crew.stateOf(hung), 'stalled')
    world.run(500)
    assert.equal(crew.stateOf(hung), 'writable')
    const after = drive(world, 1_000, { by: r, perSecond: 200 })
    world.run(10)
    assert.deepEqual(after.failed, [])
    assert.ok(after.shareOf(client) > 0.4, `${after.shareOf(client)}`)
    world.assertQuiet()
  })
})

describe('a frozen responder', () => {
  const frozen = (forMs: number) => {
    const crew = new Crew(4)
    const { world, r } = crew
    const [member] = crew.members as [Member]
    const calls = { by: r, perSecond: 1_000, ask: { timeoutMs: 3_000 } }
    drive(world, 500, calls)
    world.freeze(member.client, forMs)
    return { crew, world, r, member, calls }
  }

  for (const forMs of [700, 3_000]) {
    test(`for ${forMs} ms is left alone within 400 ms, and then nobody feels it`, () => {
      const { world, r, member, calls } = frozen(forMs)
      const first = drive(world, 400, calls)
      const rest = drive(world, forMs - 400, calls)
      assert.equal(rest.to(member.client).length, 0)
      world.run(4_000)
      assert.deepEqual(rest.failed, [])
      for (const { end } of first.failed) assert.equal(end, 'responder_lost unknown')
      const lastTo = first.sent.findLastIndex(({ to }) => to === member.client.instance)
      assert.ok(lastTo <= 330, `the last call to it after ${lastTo} ms`)
      const all = [...first.ranTwice, ...rest.ranTwice]
      assert.deepEqual(all, [])
      for (const call of first.failed) assert.ok(world.ledger.of(r.idOf(call)).length <= 1)
      world.assertQuiet()
    })

    test(`for ${forMs} ms is used again when it thaws, and nothing runs twice`, () => {
      const { crew, world, member, calls } = frozen(forMs)
      const during = drive(world, forMs, calls)
      drive(world, 6_000, { ...calls, perSecond: 200 })
      const after = drive(world, 1_000, calls)
      world.run(3_000)
      assert.deepEqual(after.failed, [])
      const share = after.shareOf(member.client)
      assert.ok(share > 0.15 && share < 0.35, `${share}`)
      assert.equal(crew.stateOf(member), 'writable')
      assert.deepEqual([...during.ranTwice, ...after.ranTwice], [])
      world.assertQuiet()
    })
  }

  test('whose callers may run twice feel nothing at all', () => {
    const { world, calls } = frozen(3_000)
    const ask = { timeoutMs: 3_000, idempotent: true }
    const during = drive(world, 3_000, { ...calls, ask })
    world.run(3_000)
    assert.deepEqual(during.failed, [])
    world.assertQuiet()
  })
})
