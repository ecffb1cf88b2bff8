/** One queue's isolation as a state machine: what opens it, its probes, its way back, operators. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Prng } from '../bus/prng.ts'
import { Isolation, type ProbeEnd } from '../rr-client/core/isolation.ts'

/** An isolation with its own time, which tells how long it stays away. */
class Patient {
  now = 1_000
  readonly prng = new Prng(7)
  readonly isolation = new Isolation(1_000)

  get state(): string {
    return this.isolation.stateAt(this.now)
  }

  wait(ms: number): void {
    this.now += ms
  }

  /** So many failures of calls sent just now. For how long it is isolated by the last of them. */
  fail(times = 1, sentAt = this.now, mayOpen = true): number {
    let forMs = 0
    for (let i = 0; i < times; i++) {
      forMs = this.isolation.fail(this.now, sentAt, mayOpen, this.prng)
    }
    return forMs
  }

  succeed(times = 1): void {
    for (let i = 0; i < times; i++) this.isolation.succeed(this.now)
  }

  probe(isIdempotent = true, slowMs = 10): number {
    return this.isolation.takeProbe(this.now, isIdempotent, slowMs, this.prng)
  }

  end(probe: number, end: ProbeEnd): boolean {
    return this.isolation.probed(this.now, probe, end, this.prng)
  }

  /** How many of so many calls it would get. */
  admitted(of = 1_000): number {
    let count = 0
    for (let i = 0; i < of; i++) if (this.isolation.admits(this.now, this.prng)) count += 1
    return count
  }

  /** Waits until a probe is due. */
  untilProbe(): void {
    this.now = this.isolation.probeAt
  }
}

const opened = (): Patient => {
  const patient = new Patient()
  assert.ok(patient.fail(5) > 0)
  return patient
}

describe('what isolates a queue', () => {
  test('five failures in a row, and no success between them', () => {
    const patient = new Patient()
    for (let i = 0; i < 20; i++) {
      assert.equal(patient.fail(4), 0)
      patient.succeed(10)
    }
    assert.deepEqual([patient.state, patient.admitted()], ['closed', 1_000])
    assert.ok(patient.fail(5) > 0)
    assert.deepEqual([patient.state, patient.admitted()], ['open', 0])
  })

  test('ten failures that are half of the window; not nine, and not a third of it', () => {
    const half = new Patient()
    for (let i = 0; i < 9; i++) {
      assert.equal(half.fail(), 0)
      half.succeed()
    }
    assert.ok(half.fail() > 0)
    const third = new Patient()
    for (let i = 0; i < 100; i++) {
      assert.equal(third.fail(), 0)
      third.succeed(2)
    }
  })

  test('a window of ten seconds: what lies longer back is forgotten', () => {
    const patient = new Patient()
    for (let i = 0; i < 9; i++) {
      patient.fail()
      patient.succeed()
    }
    patient.wait(10_001)
    assert.equal(patient.fail(4), 0)
  })

  test('never the last route', () => {
    const patient = new Patient()
    assert.equal(patient.fail(100, patient.now, false), 0)
    assert.equal(patient.state, 'closed')
    assert.ok(patient.fail() > 0, 'but at once when another is there')
  })
})

describe('its wait', () => {
  test('two seconds, doubling with each failed probe up to thirty, give or take 30 %', () => {
    const patient = new Patient()
    let isolatedAt = patient.now
    patient.fail(5)
    const seen = new Set<number>()
    for (const usualMs of [2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]) {
      const waitMs = patient.isolation.probeAt - isolatedAt
      assert.ok(waitMs >= usualMs * 0.7 && waitMs <= usualMs * 1.3, `${waitMs} for ${usualMs}`)
      seen.add(waitMs / usualMs)
      patient.untilProbe()
      patient.wait(50)
      isolatedAt = patient.now
      patient.end(patient.probe(), 'badly')
    }
    assert.ok(seen.size > 4, 'many requesters must not come back in one instant')
  })

  test('no probe before its end; then exactly one until that has ended', () => {
    const patient = opened()
    patient.untilProbe()
    patient.wait(-1)
    assert.equal(patient.probe(), 0)
    patient.wait(1)
    assert.ok(patient.probe() > 0)
    assert.equal(patient.state, 'half-open')
    for (let i = 0; i < 10; i++) assert.equal(patient.probe(), 0)
    assert.equal(patient.admitted(), 0, 'and no ordinary calls')
  })

  test('for half a second only a call that may run twice is taken as the probe', () => {
    const patient = opened()
    patient.untilProbe()
    patient.wait(499)
    assert.equal(patient.probe(false), 0)
    patient.wait(1)
    assert.ok(patient.probe(false) > 0)
  })

  test('well again for the ramp and longer: the next time it is two seconds again', () => {
    const patient = opened()
    patient.untilProbe()
    patient.end(patient.probe(), 'badly')
    patient.untilProbe()
    patient.end(patient.probe(), 'well')
    patient.wait(5_000)
    assert.ok(patient.fail(5) <= 2_600)
  })

  test('sick again while it is taken back: longer than before', () => {
    const patient = opened()
    patient.untilProbe()
    patient.end(patient.probe(), 'well')
    patient.wait(1_000)
    assert.ok(patient.fail(5) >= 2_800)
  })
})

describe('the end of a probe', () => {
  test('well: taken back in steps, from a tenth to all in five seconds', () => {
    const patient = opened()
    patient.untilProbe()
    assert.ok(patient.end(patient.probe(), 'well'))
    assert.equal(patient.state, 'ramping')
    for (const [ms, share] of [
      [0, 0.1],
      [2_500, 0.55],
      [2_000, 0.91],
    ] as const) {
      patient.wait(ms)
      const found = patient.admitted(10_000) / 10_000
      assert.ok(Math.abs(found - share) < 0.03, `${found} for ${share}`)
    }
    patient.wait(500)
    assert.deepEqual([patient.admitted(), patient.state], [1_000, 'closed'])
  })

  test('refused: the same wait once more, not a longer one', () => {
    const patient = opened()
    for (let i = 0; i < 5; i++) {
      patient.untilProbe()
      const { now } = patient
      patient.end(patient.probe(), 'refused')
      assert.equal(patient.state, 'open')
      const waitMs = patient.isolation.probeAt - now
      assert.ok(waitMs >= 1_400 && waitMs <= 2_600, `${waitMs}`)
    }
  })

  test('unknown, for its caller gave up: the next call may be the probe', () => {
    const patient = opened()
    patient.untilProbe()
    patient.end(patient.probe(), 'unknown')
    assert.equal(patient.state, 'open')
    assert.ok(patient.probe() > 0)
  })

  test('not in its time: failed, whatever becomes of it later', () => {
    const patient = opened()
    patient.untilProbe()
    const first = patient.probe(true, 500)
    patient.wait(1_999)
    assert.deepEqual([patient.probe(), patient.state], [0, 'half-open'])
    patient.wait(1)
    assert.equal(patient.probe(), 0, 'its time is over: isolated anew')
    assert.equal(patient.state, 'open')
    const waitMs = patient.isolation.probeAt - patient.now
    assert.ok(waitMs >= 2_800, 'for longer than before')
    assert.equal(patient.end(first, 'well'), false, 'a reply that late says nothing')
    assert.equal(patient.state, 'open')
  })

  test('a quick queue has a second: it may come from a cold start', () => {
    const patient = opened()
    patient.untilProbe()
    const probe = patient.probe(true, 2)
    patient.wait(999)
    assert.equal(patient.probe(), 0)
    assert.ok(patient.end(probe, 'well'))
  })

  test('nor does an older probe speak for the present one, whatever it says', () => {
    for (const end of ['well', 'badly', 'refused', 'unknown'] as const) {
      const patient = opened()
      patient.untilProbe()
      const first = patient.probe()
      patient.wait(5_000)
      patient.probe()
      patient.untilProbe()
      const second = patient.probe()
      assert.ok(second > 0)
      assert.equal(patient.end(first, end), false)
      assert.equal(patient.state, 'half-open', end)
      assert.equal(patient.probe(), 0, `${end}: still one at a time`)
      assert.ok(patient.end(second, 'well'))
      assert.equal(patient.state, 'ramping')
    }
  })

  test('calls sent before it was taken back do not count against it', () => {
    const patient = opened()
    const sentAt = patient.now
    patient.untilProbe()
    patient.end(patient.probe(), 'well')
    patient.wait(10)
    assert.equal(patient.fail(100, sentAt), 0)
    assert.equal(patient.state, 'ramping')
    assert.ok(patient.fail(5) > 0, 'later ones do')
  })

  test('replies of calls sent before do not close what is open', () => {
    const patient = opened()
    patient.succeed(100)
    assert.deepEqual([patient.state, patient.admitted()], ['open', 0])
  })
})

describe('an operator', () => {
  test('keeps it open until then, and no probe is taken', () => {
    const patient = new Patient()
    patient.isolation.hold({ to: 'open', until: patient.now + 60_000, reason: 'a bad disk' })
    patient.wait(59_999)
    assert.deepEqual([patient.state, patient.admitted(), patient.probe()], ['open', 0, 0])
    assert.ok(patient.isolation.isOpenAt(patient.now))
    assert.equal(patient.isolation.forcedAt(patient.now)?.reason, 'a bad disk')
    patient.wait(1)
    assert.deepEqual([patient.state, patient.admitted()], ['closed', 1_000])
    assert.ok(!patient.isolation.isOpenAt(patient.now))
  })

  test('keeps it closed until then, whatever fails; afterwards failures count again', () => {
    const patient = opened()
    patient.isolation.hold({ to: 'closed', until: patient.now + 1_000, reason: 'a test' })
    assert.deepEqual([patient.state, patient.admitted()], ['closed', 1_000])
    assert.ok(!patient.isolation.isOpenAt(patient.now), 'another may be isolated')
    patient.wait(1_000)
    assert.equal(patient.state, 'open', 'what it was before')
    const healthy = new Patient()
    healthy.isolation.hold({ to: 'closed', until: healthy.now + 1_000, reason: 'a test' })
    assert.equal(healthy.fail(50), 0)
    healthy.wait(1_000)
    assert.ok(healthy.fail() > 0)
  })

  test('takes an earlier word back', () => {
    const patient = new Patient()
    patient.isolation.hold({ to: 'open', until: patient.now + 60_000, reason: 'a mistake' })
    patient.isolation.hold(undefined)
    assert.deepEqual([patient.state, patient.admitted()], ['closed', 1_000])
  })

  test('lets one call through at once, of any kind', () => {
    const patient = opened()
    patient.isolation.probeSoon(patient.now)
    patient.isolation.hold(undefined)
    assert.ok(patient.probe(false) > 0)
    assert.equal(patient.probe(false), 0)
  })

  test('lets one call through a queue that was forced open, and not all of them', () => {
    const patient = new Patient()
    patient.isolation.hold({ to: 'open', until: patient.now + 60_000, reason: 'a bad disk' })
    patient.isolation.probeSoon(patient.now)
    patient.isolation.hold(undefined)
    assert.equal(patient.admitted(), 0)
    const probe = patient.probe(false)
    assert.ok(probe > 0)
    assert.deepEqual([patient.probe(), patient.admitted()], [0, 0])
    patient.end(probe, 'well')
    assert.equal(patient.state, 'ramping')
  })

  test('asks for a probe of a queue that is not isolated: nothing changes', () => {
    const patient = new Patient()
    patient.isolation.probeSoon(patient.now)
    patient.isolation.hold(undefined)
    assert.deepEqual([patient.state, patient.probe()], ['closed', 0])
  })

  test('does not make every call look for a probe meanwhile', () => {
    const patient = opened()
    patient.isolation.hold({ to: 'open', until: patient.now + 60_000, reason: 'a bad disk' })
    assert.equal(patient.isolation.probeAt, patient.now + 60_000)
  })
})
