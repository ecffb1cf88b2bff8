/** Queues follow their consumers, out and in, while calls go on. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CallAsk } from '../scenarios/sim/world/calls.ts'
import { Crew } from './virtual/crew.ts'
import { Tenure } from './virtual/tenure.ts'
import { drive, type Traffic } from './virtual/traffic.ts'

const callsOf = (crew: Crew, ask: CallAsk = {}) => ({ by: crew.r, perSecond: 500, ask })

/** The queues that requesters may use now. */
const writable = ({ broker }: Crew): number =>
  broker.view().topics[0]!.queues.filter(({ state }) => state === 'writable').length

const known = ({ r }: Crew): number => [...r.core.requester.topics.all][0]!.writable

const assertClean = (...all: Traffic[]): void => {
  for (const traffic of all) {
    assert.deepEqual(traffic.failed, [])
    assert.deepEqual(traffic.ranTwice, [])
  }
}

const assertFair = (crew: Crew, traffic: Traffic): void => {
  const fair = 1 / crew.members.length
  for (const { client } of crew.members) {
    const share = traffic.shareOf(client)
    assert.ok(Math.abs(share - fair) <= fair * 0.15, `${client.name}: ${share} for ${fair}`)
  }
}

describe('two responders, six, and two again at 500 calls a second', () => {
  test('a queue for each within a second, none before it has an owner, fair shares', () => {
    const crew = new Crew(2)
    const tenure = new Tenure(crew.world, crew.broker)
    const calls = callsOf(crew)
    const before = drive(crew.world, 500, calls)
    for (let i = 0; i < 4; i++) crew.join()
    const joining = drive(crew.world, 1_000, calls)
    assert.deepEqual([writable(crew), known(crew)], [6, 6])
    const six = drive(crew.world, 6_000, calls)
    crew.world.run(20)
    assertClean(before, joining, six)
    assertFair(crew, six)
    assert.equal(crew.r.core.state.counters.moves, 0, 'no call came too early')
    assert.deepEqual([tenure.given, tenure.lost], [6, 0], 'nobody lost a queue for it')
    tenure.check()
    crew.world.assertQuiet()
  })

  test('four leave in good order: within a second, nothing failed, nothing twice', () => {
    const crew = new Crew(6, 20)
    const tenure = new Tenure(crew.world, crew.broker)
    const calls = callsOf(crew)
    const before = drive(crew.world, 500, calls)
    for (const member of crew.members.slice(2)) crew.leave(member)
    const leaving = drive(crew.world, 1_000, calls)
    assert.deepEqual([writable(crew), known(crew)], [2, 2])
    const two = drive(crew.world, 2_000, calls)
    crew.world.run(50)
    assertClean(before, leaving, two)
    assertFair(crew, two)
    assert.equal(tenure.lost, 4)
    tenure.check()
    crew.world.assertQuiet()
  })

  test('four are killed: only what ran there is lost, and no call that may run twice', () => {
    const crew = new Crew(6, 20)
    const once = callsOf(crew)
    const twice = callsOf(crew, { idempotent: true })
    drive(crew.world, 500, once, twice)
    for (const member of crew.members.slice(2)) crew.kill(member)
    const dying = drive(crew.world, 1_000, once, twice)
    assert.deepEqual([writable(crew), known(crew)], [2, 2])
    const two = drive(crew.world, 2_000, once, twice)
    crew.world.run(50)
    for (const { ask, end } of crew.r.calls) {
      if (ask.idempotent === true) assert.equal(end, 'reply')
      else assert.ok(end === 'reply' || end === 'responder_lost unknown', end)
    }
    const lost = crew.r.calls.filter(({ end }) => end !== 'reply').length
    assert.ok(lost <= 20, `${lost}`)
    assert.deepEqual(
      dying.failed.filter(({ ask }) => ask.idempotent),
      [],
    )
    assertClean(two)
    crew.world.assertQuiet()
  })

  test('one, eight and one again, all at once, in good order', () => {
    const crew = new Crew(1, 20)
    const tenure = new Tenure(crew.world, crew.broker)
    const calls = callsOf(crew)
    const all: Traffic[] = []
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 7; i++) crew.join(20)
      all.push(drive(crew.world, 700, calls))
      assert.equal(known(crew), 8)
      for (const member of crew.members.slice(1)) crew.leave(member)
      all.push(drive(crew.world, 700, calls))
      assert.equal(known(crew), 1)
    }
    crew.world.run(100)
    assertClean(...all)
    tenure.check()
    crew.world.assertQuiet()
  })

  test('the last one goes and another comes: calls wait for it if they were asked to', () => {
    const crew = new Crew(1)
    const patient = callsOf(crew, { waitForResponder: true })
    drive(crew.world, 200, patient)
    crew.leave(crew.members[0]!)
    const without = drive(crew.world, 500, patient)
    crew.join()
    const again = drive(crew.world, 500, patient)
    crew.world.run(50)
    assertClean(without, again)
    crew.world.assertQuiet()
  })
})

describe('ten responders, restarted one after the other', () => {
  const restartAll = (crew: Crew, isKilled: boolean, ask: CallAsk) => {
    const tenure = new Tenure(crew.world, crew.broker)
    const calls = callsOf(crew, ask)
    drive(crew.world, 300, calls)
    const all: Traffic[] = []
    for (const member of [...crew.members]) {
      if (isKilled) crew.kill(member)
      else crew.leave(member)
      all.push(drive(crew.world, 200, calls))
      crew.join(10)
      all.push(drive(crew.world, 300, calls))
    }
    crew.world.run(100)
    tenure.check()
    return { tenure, all }
  }

  test('in good order: nobody notices, and no queue moves but their own', () => {
    const crew = new Crew(10, 10)
    const { tenure, all } = restartAll(crew, false, {})
    assertClean(...all)
    assert.deepEqual([tenure.given, tenure.lost], [20, 10])
    const epochs = crew.broker.view().topics[0]!.queues.map(({ epoch }) => epoch)
    assert.deepEqual(epochs, Array(10).fill(1), 'no queue has changed hands')
    crew.world.assertQuiet()
  })

  test('by kill -9: calls that may run twice all succeed', () => {
    const crew = new Crew(10, 10)
    const { tenure, all } = restartAll(crew, true, { idempotent: true })
    for (const { failed } of all) assert.deepEqual(failed, [])
    assert.deepEqual([tenure.given, tenure.lost], [20, 10])
    crew.world.assertQuiet()
  })
})

describe('a responder that leaves', () => {
  test('fault row 37: what runs is finished, what waits goes elsewhere, nothing is unknown', () => {
    const crew = new Crew(2, 300, { concurrency: 4, prefetch: 4 })
    const [leaving] = crew.members
    const calls = crew.r.callMany(60, { timeoutMs: 9_000 })
    crew.world.run(50)
    crew.leave(leaving!)
    crew.world.run(8_000)
    for (const call of calls) {
      assert.equal(call.end, 'reply')
      assert.equal(crew.world.ledger.of(crew.r.idOf(call)).length, 1)
    }
    const there = calls.filter(
      (call) => crew.world.ledger.of(crew.r.idOf(call))[0]?.instance === leaving!.client.instance,
    )
    assert.equal(there.length, 4, 'what ran when it began to leave')
    crew.world.assertQuiet()
  })

  test('while much waits at the broker, with others that come: nothing is lost', () => {
    const crew = new Crew(2, 30, { concurrency: 2, prefetch: 0 })
    const [leaving] = crew.members
    const calls = crew.r.callMany(400, { timeoutMs: 20_000 })
    crew.world.run(100)
    for (let i = 0; i < 3; i++) crew.join(30, { concurrency: 2, prefetch: 0 })
    crew.world.run(100)
    crew.leave(leaving!)
    crew.world.run(6_000)
    for (const call of calls) {
      assert.equal(call.end, 'reply')
      assert.equal(crew.world.ledger.of(crew.r.idOf(call)).length, 1)
    }
    assert.ok(crew.broker.view().counters.handedBack! > 100)
    crew.world.assertQuiet()
  })
})
