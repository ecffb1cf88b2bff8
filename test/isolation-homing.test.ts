/** Leaving the home data centre and returning to it; who takes part at a broker of another. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ownersOf } from '../broker/core/owners.ts'
import { Takeover } from '../broker/core/takeover.ts'
import { type Registration, Topic } from '../broker/core/topic.ts'
import { Homing } from '../rr-client/core/homing.ts'

/** How long a topic that has left stays away while its home does well all the time. */
const awayMs = (homing: Homing, from: number): number => {
  let now = from
  while (homing.share(now) === 0) now += 10
  return now - from
}

describe('homing', () => {
  test('a topic that never left is at home', () => {
    const homing = new Homing()
    assert.deepEqual([homing.share(0), homing.isAway], [1, false])
  })

  test('away for three seconds in which home does well, then back in steps of five', () => {
    const homing = new Homing()
    homing.leave(1_000)
    assert.ok(homing.isAway)
    assert.equal(homing.share(9_000), 0, 'counted from when home was first seen well')
    assert.equal(homing.share(11_999), 0)
    assert.equal(homing.share(12_000), 0.1)
    assert.ok(Math.abs(homing.share(14_500) - 0.55) < 0.01)
    assert.equal(homing.share(17_000), 1)
    assert.ok(!homing.isAway)
  })

  test('home fails while it is waited for: the wait begins anew, and is no longer', () => {
    const homing = new Homing()
    homing.leave(0)
    homing.share(10)
    homing.leave(2_000)
    assert.equal(homing.share(4_000), 0)
    assert.equal(homing.share(6_999), 0)
    assert.equal(homing.share(7_000), 0.1)
  })

  test('it fails again soon after: twice as long each time, ten minutes at most', () => {
    const homing = new Homing()
    let now = 0
    const waits: number[] = []
    for (let i = 0; i < 12; i++) {
      homing.leave(now)
      const waitMs = awayMs(homing, now)
      waits.push(waitMs)
      now += waitMs + 100
    }
    assert.deepEqual(waits.slice(0, 4), [3_000, 6_000, 12_000, 24_000])
    assert.equal(waits.at(-1), 600_000)
  })

  test('home for ten waits: its failures are forgotten', () => {
    const homing = new Homing()
    homing.leave(0)
    let now = awayMs(homing, 0)
    homing.leave(now)
    now += awayMs(homing, now) + 5_000
    assert.equal(homing.share(now), 1)
    now += 60_000
    homing.leave(now)
    assert.equal(awayMs(homing, now), 3_000)
  })
})

describe('takeover: instances of other data centres take part', () => {
  const offer = (instances: number, credit = instances * 128, least = 0) => ({
    instances,
    credit,
    linked: instances,
    linkedCredit: credit,
    least,
  })

  test('at once when those at home are gone, and until they have done for three seconds', () => {
    const takeover = new Takeover()
    assert.equal(takeover.update(0, offer(2)), false)
    assert.equal(takeover.update(1_000, offer(0)), true)
    assert.equal(takeover.update(5_000, offer(2)), true)
    assert.equal(takeover.dueAt, 8_000)
    assert.equal(takeover.update(7_999, offer(2)), true)
    assert.equal(takeover.update(8_000, offer(2)), false)
  })

  test('those at home came only later than the others: they have the topic at once', () => {
    const takeover = new Takeover()
    assert.equal(takeover.update(0, offer(0)), true)
    assert.equal(takeover.update(50, offer(1)), false)
  })

  test('when those at home offer less than half of the usual credit', () => {
    const takeover = new Takeover()
    takeover.update(0, offer(4))
    assert.equal(takeover.update(1_000, offer(2)), false, 'half is enough')
    assert.equal(takeover.update(2_000, offer(1)), true)
  })

  test('not when they leave in good order: fewer are the usual from then on', () => {
    const takeover = new Takeover()
    takeover.update(0, offer(4))
    for (const left of [3, 2, 1]) {
      takeover.left(128)
      assert.equal(takeover.update(1_000, offer(left)), false)
    }
  })

  test('the usual is forgotten by half in ten minutes, so that few become the usual', () => {
    const takeover = new Takeover()
    takeover.update(0, offer(4))
    assert.equal(takeover.update(1_000, offer(1)), true)
    let now = 1_000
    while (takeover.isOn && now < 3_600_000) {
      assert.ok(takeover.dueAt > now && takeover.dueAt <= now + 30_000, 'somebody looks again')
      now = takeover.dueAt
      takeover.update(now, offer(1))
    }
    assert.ok(now >= 500_000 && now < 1_300_000, `${now}`)
    assert.equal(takeover.dueAt, Number.POSITIVE_INFINITY)
  })

  test('when there are fewer than the group wants at least', () => {
    const takeover = new Takeover()
    assert.equal(takeover.update(0, offer(2, 256, 3)), true)
    assert.equal(takeover.update(10, offer(3, 384, 3)), true, 'those elsewhere stay a while')
    assert.equal(takeover.update(3_010, offer(3, 384, 3)), false)
  })

  test('those at home flap: each return waits twice as long, ten minutes at most', () => {
    const takeover = new Takeover()
    takeover.update(0, offer(1))
    const waits: number[] = []
    for (let now = 1_000, i = 0; i < 12; i++) {
      takeover.update(now, offer(0))
      takeover.update(now, offer(1))
      waits.push(takeover.dueAt - now)
      now = takeover.dueAt
      assert.equal(takeover.update(now, offer(1)), false)
      now += 500
    }
    assert.deepEqual(waits.slice(0, 4), [3_000, 6_000, 12_000, 24_000])
    assert.equal(waits.at(-1), 600_000)
  })
})

describe('who should own a queue', () => {
  const registration = (id: number, about: Partial<Registration> = {}): Registration => {
    const topic = new Topic(1, 'account.balance', { maxDepth: 10, maxDepthBytes: 1_000 })
    const known = { session: { instance: `instance-${id}` }, topic }
    return {
      id,
      isLocal: true,
      isDeclared: true,
      queue: undefined,
      ...known,
      ...about,
    } as Registration
  }
  const owners = (maxQueues: number, hasRemote: boolean, all: Registration[]): number[] => {
    const [topic] = all.map((one) => one.topic)
    topic!.maxQueues = maxQueues
    topic!.registrations.clear()
    for (const one of all) topic!.registrations.add(one)
    return [...ownersOf(topic!, hasRemote)].map(({ id }) => id).sort()
  }
  const queue = { state: 'writable' } as Registration['queue']

  test('all at home; those elsewhere only while they take part', () => {
    const all = [registration(1, { isLocal: false }), registration(2), registration(3)]
    assert.deepEqual(owners(0, false, all), [2, 3])
    assert.deepEqual(owners(0, true, all), [1, 2, 3])
  })

  test('nobody who has yet to say that he answers; but an owner who is expected back', () => {
    const stranger = registration(1, { isDeclared: false })
    const blinking = registration(2, { isDeclared: false, queue })
    assert.deepEqual(owners(0, false, [stranger, blinking]), [2])
  })

  test('nobody whom an operator holds, whether he owns a queue or not', () => {
    const all = [registration(1), registration(2, { queue }), registration(3)]
    const hold = { reason: 'too hot', until: 1_000 }
    for (const one of all.slice(0, 2)) one.topic.holds.set(one.session.instance, hold)
    assert.deepEqual(owners(0, false, all), [3])
  })

  test('no more than the bound: owners before others, home before elsewhere, first come first', () => {
    const away = { isLocal: false }
    const all = [
      registration(1, away),
      registration(2),
      registration(3),
      registration(4, { ...away, queue }),
      registration(5, { queue }),
    ]
    assert.deepEqual(owners(1, true, all), [5])
    assert.deepEqual(owners(2, true, all), [4, 5])
    assert.deepEqual(owners(3, true, all), [2, 4, 5])
    assert.deepEqual(owners(2, false, all), [2, 5])
  })
})
