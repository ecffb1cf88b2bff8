/** The watch over links: who acknowledges, who is doubted, and who is dead. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BATCH_HEAD, Frame } from '../bus/frame.ts'
import { type Beating, DEFAULT_PING_MS, DEFAULT_SILENCE_MS, Heartbeat } from '../bus/heartbeat.ts'
import { Outbox } from '../bus/outbox.ts'
import { Pulse } from '../bus/pulse.ts'
import { Slabs } from '../bus/slabs.ts'

/** A link under watch, and the clock that wakes the watch when it asks. */
class WatchedEnd implements Beating {
  readonly sent: Buffer[] = []
  readonly pulse = new Pulse(0)
  isDirty = false
  readonly outbox = new Outbox(
    {
      write: (message) => this.sent.push(Buffer.from(message)),
      cork: () => {},
      uncork: () => {},
      isDrained: () => this.held === 0,
      unsentBytes: () => this.held,
      close: () => {},
    },
    this.pulse,
    new Slabs(),
    () => {
      this.isDirty = true
    },
  )
  busySince = -1
  leases = 0
  isDoubtful = false
  isBeating = false
  unsent = 0
  progressAt = 0
  ping(now: number): void {
    this.outbox.frame(now, Frame.ping, Buffer.alloc(0))
  }
  /** Bytes that the system has not taken. */
  held = 0

  /** What the loop does at the end of a turn. */
  flush(now: number): void {
    if (this.isDirty) this.outbox.flush(now)
    this.isDirty = false
  }

  send(now: number): void {
    this.outbox.frame(now, Frame.peer, Buffer.from('x'))
    this.flush(now)
  }

  /** The peer has read everything sent so far, and says so. */
  acknowledged(now: number): void {
    this.pulse.receive(now, 0, this.pulse.sent)
  }

  get pings(): number {
    return this.sent.filter((message) => message[BATCH_HEAD + 4] === Frame.ping).length
  }
}

class Watch {
  readonly dead: [link: WatchedEnd, at: number, silentMs: number][] = []
  readonly tested = new Heartbeat<WatchedEnd>(
    { pingMs: DEFAULT_PING_MS, silenceMs: DEFAULT_SILENCE_MS },
    (now, link, silentMs) => this.dead.push([link, now, silentMs]),
  )
  beats = 0

  /** Lets time pass up to `until`, waking the watch when it is due and flushing what it wrote. */
  pass(until: number, ...links: WatchedEnd[]): void {
    while (this.tested.next <= until) {
      const now = this.tested.next
      this.beats += 1
      this.tested.beat(now)
      for (const link of links) link.flush(now)
      assert.ok(this.tested.next > now, 'the watch would turn without end')
    }
  }
}

describe('the heartbeat', () => {
  test('acknowledges within 25 ms when there is nothing else to say', () => {
    const reads = fc.array(fc.nat(120), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(fc.nat(200), reads, (touchedAt, gaps) => {
        const [watch, link] = [new Watch(), new WatchedEnd()]
        link.send(touchedAt)
        watch.tested.touch(touchedAt, link)
        let now = touchedAt
        gaps.forEach((gap, i) => {
          watch.pass(now + gap, link)
          now += gap
          link.pulse.receive(now, i + 1, i === 0 ? 1 : link.pulse.acked)
          watch.tested.touch(now, link)
          const { owesSince } = link.pulse
          watch.pass(owesSince + 25, link)
          now = Math.max(now, owesSince + 25)
          assert.equal(link.pulse.owes, false, `read at ${owesSince}, not acknowledged at ${now}`)
        })
      }),
    )
  })

  test('a busy link is pinged once at 250 ms, doubted, and trusted again when it answers', () => {
    const [watch, link] = [new Watch(), new WatchedEnd()]
    link.busySince = 0
    link.send(0)
    watch.tested.touch(0, link)
    watch.pass(250, link)
    assert.deepEqual([link.pings, link.isDoubtful], [0, false])
    watch.pass(300, link)
    assert.deepEqual([link.pings, link.isDoubtful], [1, true])
    watch.pass(900, link)
    assert.equal(link.pings, 1)
    link.acknowledged(900)
    watch.pass(950, link)
    assert.deepEqual([link.isDoubtful, watch.dead.length], [false, 0])
  })

  test('a link that waits for a long call is pinged while it is quiet, and lives if it answers', () => {
    for (const isAnswering of [true, false]) {
      const [watch, link] = [new Watch(), new WatchedEnd()]
      link.busySince = 0
      link.send(0)
      watch.tested.touch(0, link)
      link.acknowledged(0)
      for (let now = 25; now <= 20_000; now += 25) {
        watch.pass(now, link)
        if (isAnswering) link.acknowledged(now)
      }
      assert.equal(watch.dead.length, isAnswering ? 0 : 1)
      if (isAnswering) assert.ok(link.pings >= 20_000 / 300 && link.pings <= 20_000 / 250)
      else assert.ok(watch.dead[0]![1] <= 1_400, `found dead only at ${watch.dead[0]![1]}`)
      assert.ok(
        link.pulse.ageBound(20_000) <= 300 || !isAnswering,
        'the bound on ages was let slip',
      )
    }
  })

  test('a slow link is not dead while bytes leave it, and is when they stop', () => {
    const [watch, link] = [new Watch(), new WatchedEnd()]
    link.busySince = 0
    link.held = 8_000_000
    link.send(0)
    watch.tested.touch(0, link)
    for (let now = 25; now <= 5_000; now += 25) {
      watch.pass(now, link)
      link.held -= 10_000
    }
    assert.equal(watch.dead.length, 0)
    watch.pass(8_000, link)
    assert.equal(watch.dead.length, 1)
    const [, at] = watch.dead[0]!
    assert.ok(at > 6_000 && at <= 6_075, `the last byte left at 5000, found dead at ${at}`)
  })

  test('a busy link is dead when nothing was acknowledged for 1 s, whatever else was heard', () => {
    const [watch, link] = [new Watch(), new WatchedEnd()]
    link.busySince = 0
    link.send(0)
    watch.tested.touch(0, link)
    for (let now = 100; now <= 1_000; now += 100) {
      watch.pass(now, link)
      link.pulse.receive(now, now / 100, 0)
    }
    assert.equal(watch.dead.length, 0)
    watch.pass(1_050, link)
    assert.equal(watch.dead.length, 1)
    const [dead, at, silentMs] = watch.dead[0]!
    assert.equal(dead, link)
    assert.ok(at > 1_000 && silentMs === at && at <= 1_025, `dead at ${at}`)
    watch.pass(9_000, link)
    assert.equal(watch.dead.length, 1, 'buried once')
  })

  test('an idle link has 5 s, and is not pinged', () => {
    const [watch, link] = [new Watch(), new WatchedEnd()]
    link.send(0)
    watch.tested.touch(0, link)
    watch.pass(5_000, link)
    assert.deepEqual([watch.dead.length, link.pings, link.isDoubtful], [0, 0, false])
    watch.pass(5_050, link)
    assert.equal(watch.dead.length, 1)
  })

  test('a link with nothing owed, unacknowledged or in flight is watched no longer', () => {
    const watch = new Watch()
    const links = Array.from({ length: 1_000 }, () => new WatchedEnd())
    for (const link of links) {
      link.send(0)
      watch.tested.touch(0, link)
      link.acknowledged(1)
    }
    watch.pass(100, ...links)
    assert.equal(watch.tested.next, Number.POSITIVE_INFINITY)
    assert.ok(links.every((link) => !link.isBeating))
    const { beats } = watch
    watch.pass(60_000, ...links)
    assert.equal(watch.beats, beats)
  })

  test('a link that is gone is not judged, and one touched again is watched once', () => {
    const [watch, gone, back] = [new Watch(), new WatchedEnd(), new WatchedEnd()]
    for (const link of [gone, back]) {
      link.busySince = 0
      link.send(0)
      for (let i = 0; i < 3; i++) watch.tested.touch(0, link)
      watch.tested.forget(link)
    }
    watch.tested.touch(0, back)
    watch.pass(3_000, gone, back)
    assert.deepEqual(
      watch.dead.map(([link]) => link === back),
      [true],
    )
  })

  test('a link that dies while others live takes nobody with it', () => {
    const watch = new Watch()
    const links = Array.from({ length: 4 }, () => new WatchedEnd())
    for (const link of links) {
      link.busySince = 0
      link.send(0)
      watch.tested.touch(0, link)
    }
    for (let now = 100; now < 4_000; now += 100) {
      watch.pass(now, ...links)
      for (const link of links.slice(1)) link.acknowledged(now)
    }
    assert.deepEqual(
      watch.dead.map(([link]) => links.indexOf(link)),
      [0],
    )
    assert.ok(links.slice(1).every((link) => link.isBeating))
  })
})
