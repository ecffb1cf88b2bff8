/** The tables that cores are made of, each against a plain model of what it should be. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Arena, type Chunk } from '../bus/arena.ts'
import { CounterRing } from '../bus/counter-ring.ts'
import { Deadlines } from '../bus/deadlines.ts'
import { Fifo } from '../bus/fifo.ts'
import { Prng } from '../bus/prng.ts'

const TICK_MS = 4

/** Deadlines beside the plain truth: when each id is due. Every visit is checked as it happens. */
class WatchedDeadlines {
  now: number
  readonly instants = new Map<number, number>()
  readonly armedAt = new Map<number, number>()
  readonly tested = new Deadlines((id) => this.instants.get(id) ?? -1)
  #nextId = 1

  constructor(now: number) {
    this.now = now
  }

  arm(delay: number): number {
    const id = this.#nextId++
    const instant = Math.max(0, this.now + delay)
    this.instants.set(id, instant)
    this.armedAt.set(id, this.now)
    this.tested.arm(this.now, instant, id)
    return id
  }

  /** Moves the clock and wakes what is due. Every third one that wakes is armed once more. */
  goTo(now: number): void {
    this.now = now
    const again: number[] = []
    this.tested.due(now, (id) => {
      const instant = this.instants.get(id)
      assert.ok(instant !== undefined, `${id} was dead, or visited twice`)
      assert.ok(instant <= now, `${id} was visited ${instant - now} ms early`)
      this.instants.delete(id)
      if (id % 3 === 0) again.push(this.arm(1 + (id % 700)))
    })
    for (const [id, instant] of this.instants) {
      const lateMs = now - Math.max(instant, this.armedAt.get(id)!)
      assert.ok(lateMs < TICK_MS, `${id} is ${lateMs} ms late`)
    }
    const first = Math.min(Number.POSITIVE_INFINITY, ...this.instants.values())
    const { next } = this.tested
    assert.ok(next <= Math.max(first, now) + TICK_MS, `would sleep until ${next}, past ${first}`)
    assert.ok(this.tested.size >= this.instants.size)
  }
}

describe('deadlines', () => {
  /** Within a turn of the near wheel, over the turns of the far one, and beyond both. */
  const delay = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: -10, max: 40 }) },
    { weight: 4, arbitrary: fc.nat(3_000) },
    { weight: 2, arbitrary: fc.nat(300_000) },
    { weight: 1, arbitrary: fc.integer({ min: 262_000, max: 263_000 }) },
    { weight: 1, arbitrary: fc.nat(1_200_000) },
  )
  const start = fc.constantFrom(0, 3, 1_023, 1_048_571, 2 ** 31 - 5, 2 ** 32 - 5, 2 ** 45 + 1)
  const act = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('arm' as const), n: delay }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), n: fc.nat(50) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), n: fc.nat(60) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), n: fc.nat(400_000) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('sleep' as const), n: fc.nat(5) }) },
  )

  test('nothing is visited early, twice, dead, or more than a tick late, at whatever time', () => {
    const story = fc.tuple(start, fc.array(act, { maxLength: 60, size: 'max' }))
    fc.assert(
      fc.property(story, ([from, acts]) => {
        const world = new WatchedDeadlines(from)
        for (const { kind, n } of acts) {
          if (kind === 'arm') world.arm(n)
          else if (kind === 'kill') world.instants.delete(n)
          else if (kind === 'pass') world.goTo(world.now + n)
          else if (world.tested.next !== Number.POSITIVE_INFINITY) {
            world.goTo(Math.max(world.now, world.tested.next) + n)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('woken only when it asks, it still visits everything in time and then sleeps for ever', () => {
    fc.assert(
      fc.property(start, fc.array(delay, { minLength: 1, maxLength: 30 }), (from, delays) => {
        const world = new WatchedDeadlines(from)
        for (const ms of delays) world.arm(ms)
        let wakes = 0
        while (world.instants.size > 0 && wakes++ < 20_000)
          world.goTo(Math.max(world.now, world.tested.next))
        assert.equal(world.instants.size, 0)
      }),
      { numRuns: 60 },
    )
  })

  test('one that is far away costs about one wake a second, not one a tick', () => {
    const world = new WatchedDeadlines(5)
    world.arm(600_000)
    let wakes = 0
    while (world.instants.size > 0) {
      world.goTo(Math.max(world.now, world.tested.next))
      wakes += 1
    }
    assert.ok(wakes <= 600, `${wakes} wakes in 600 s`)
  })

  test('the dead are dropped when their time comes, and an empty wheel is due never', () => {
    const world = new WatchedDeadlines(1_000)
    const ids = [10, 2_000, 300_000].map((ms) => world.arm(ms))
    for (const id of ids) world.instants.delete(id)
    assert.equal(world.tested.size, 3)
    world.goTo(1_302_000)
    assert.equal(world.tested.size, 0)
    assert.equal(world.tested.next, Number.POSITIVE_INFINITY)
  })

  test('one put off later is visited at its new time only', () => {
    const world = new WatchedDeadlines(0)
    const id = world.arm(20)
    world.instants.set(id, 500)
    world.goTo(100)
    assert.equal(world.instants.size, 1, 'visited at its old time')
    world.goTo(504)
    assert.equal(world.instants.size, 0)
  })

  test('one that arms itself again for now does not hold the loop for ever', () => {
    for (const others of [0, 3]) {
      let visits = 0
      const deadlines: Deadlines = new Deadlines(() => 100)
      deadlines.arm(0, 100, 1)
      for (let i = 0; i < others; i++) deadlines.arm(0, 100, 2 + i)
      const visit = (id: number): void => {
        visits += 1
        assert.ok(visits < 50, `visited without end, with ${others} others`)
        if (id === 1) deadlines.arm(100, 100, id)
      }
      deadlines.due(100, visit)
      const before = visits
      deadlines.due(104, visit)
      assert.ok(visits > before, 'what was armed again is visited at the next tick')
    }
  })
})

interface Item {
  counter: number
}
const STARTS = [1, 2 ** 31 - 5, 2 ** 32 - 5, 2 ** 53 - 70_000]
const SPAN = 69_990

/** The ring beside a map. Both are asked the same after each act. */
class WatchedRing {
  readonly tested: CounterRing<Item>
  readonly model = new Map<number, Item>()
  readonly first: number
  head: number

  constructor(first: number) {
    this.first = first
    this.head = first
    this.tested = new CounterRing<Item>(first)
  }

  get keys(): number[] {
    return [...this.model.keys()].sort((a, b) => a - b)
  }

  set(counter: number): void {
    const item = { counter }
    this.tested.set(counter, item)
    this.model.set(counter, item)
    this.head = Math.max(this.head, counter + 1)
  }

  delete(counter: number): void {
    assert.equal(this.tested.delete(counter), this.model.get(counter))
    this.model.delete(counter)
  }

  deleteBelow(floor: number): void {
    const seen: number[] = []
    this.tested.deleteBelow(floor, (item) => seen.push(item.counter))
    assert.deepEqual(
      seen,
      this.keys.filter((counter) => counter < floor),
    )
    for (const counter of seen) this.model.delete(counter)
  }

  check(around: number): void {
    const { tested, model, keys } = this
    assert.equal(tested.size, model.size)
    assert.equal(tested.lowest, keys[0] ?? this.head)
    for (const counter of [...keys, around - 1, around, around + 1, this.first - 1, this.head]) {
      assert.equal(
        tested.get(counter),
        model.get(counter),
        `counter ${counter - this.first} from the start`,
      )
    }
    const held = [...tested.values()].map((item) => item.counter)
    assert.deepEqual(
      held.sort((a, b) => a - b),
      keys,
    )
  }
}

describe('the ring of counters', () => {
  const offset = fc.oneof(
    { weight: 6, arbitrary: fc.nat(40) },
    { weight: 2, arbitrary: fc.nat(2_000) },
    { weight: 1, arbitrary: fc.integer({ min: 65_500, max: SPAN }) },
  )
  const act = fc.record({
    kind: fc.constantFrom('set', 'set', 'next', 'next', 'next', 'delete', 'below'),
    offset,
  })

  for (const first of STARTS) {
    test(`is a map with an order, from ${first} on`, () => {
      fc.assert(
        fc.property(fc.array(act, { maxLength: 60, size: 'max' }), (acts) => {
          const ring = new WatchedRing(first)
          for (const { kind, offset: n } of acts) {
            if (kind === 'set') ring.set(first + n)
            else if (kind === 'next') ring.set(Math.min(ring.head + (n % 3), first + SPAN + 9))
            else if (kind === 'delete')
              ring.delete(ring.keys[n % (ring.model.size || 1)] ?? first + n)
            else ring.deleteBelow(first + n)
            ring.check(first + n)
          }
        }),
        { numRuns: 400 },
      )
    })

    test(`a call that stays open while 65,536 later ones come and go, from ${first} on`, () => {
      const ring = new WatchedRing(first)
      ring.set(first)
      ring.set(first + 3)
      for (let i = 4; i < SPAN; i++) {
        ring.set(first + i)
        if (i > 10) ring.delete(first + i - 2)
        assert.equal(ring.tested.lowest, first)
      }
      ring.check(first + 100)
      ring.delete(first)
      assert.equal(ring.tested.lowest, first + 3)
      ring.deleteBelow(first + SPAN)
      ring.check(first + SPAN)
      assert.equal(ring.tested.lowest, first + SPAN)
    })
  }

  test('counters that were left behind out of turn still come lowest first', () => {
    const ring = new WatchedRing(1)
    for (const counter of [1, 2, 66_000, 66_001, 5, 4, 3]) ring.set(counter)
    ring.check(4)
    ring.delete(1)
    ring.delete(2)
    ring.check(4)
    ring.deleteBelow(66_001)
  })

  test('the lowest is one that is held, also after the ring has been full', () => {
    const ring = new WatchedRing(1)
    for (const counter of [1, 30_000, 65_546]) ring.set(counter)
    ring.delete(1)
    ring.check(30_000)
  })

  test('what is deleted while looking through them all hides no other', () => {
    const ring = new WatchedRing(1)
    for (let counter = 1; counter <= 20; counter++) ring.set(counter)
    const seen: number[] = []
    for (const { counter } of ring.tested.values()) {
      seen.push(counter)
      ring.delete(counter)
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
  })
})

describe('the fifo', () => {
  test('gives back what was put in, in order, however they alternate', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(40)), { maxLength: 60 }), (acts) => {
        const tested = new Fifo<number>()
        const model: number[] = []
        let next = 0
        for (const [isPush, times] of acts) {
          for (let i = 0; i < times; i++) {
            if (isPush) {
              tested.push(next)
              model.push(next++)
            } else assert.equal(tested.shift(), model.shift())
            assert.equal(tested.size, model.length)
            assert.equal(tested.peek(), model[0])
          }
        }
      }),
    )
  })

  test('is usable again after a burst has come and gone', () => {
    const tested = new Fifo<number>()
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 5_000; i++) tested.push(i)
      for (let i = 0; i < 5_000; i++) assert.equal(tested.shift(), i)
      assert.equal(tested.shift(), undefined)
    }
  })
})

describe('the arena', () => {
  test('keeps every range as it was until it is released, whatever comes and goes beside it', () => {
    const size = fc.oneof(fc.nat(300), fc.integer({ min: 60_000, max: 70_000 }))
    const act = fc.oneof(
      { weight: 3, arbitrary: fc.record({ keep: size }) },
      { weight: 2, arbitrary: fc.record({ release: fc.nat() }) },
    )
    const source = Buffer.alloc(70_010)
    fc.assert(
      fc.property(fc.array(act, { maxLength: 80, size: 'max' }), (acts) => {
        const arena = new Arena()
        const kept: { chunk: Chunk; at: number; bytes: Buffer }[] = []
        acts.forEach((what, i) => {
          if ('keep' in what) {
            source.fill(i + 1)
            const chunk = arena.keep(source, 5, 5 + what.keep)
            kept.push({ chunk, at: arena.at, bytes: Buffer.alloc(what.keep, i + 1) })
          } else if (kept.length > 0) {
            const [gone] = kept.splice(what.release % kept.length, 1)
            arena.release(gone!.chunk)
          }
          for (const { chunk, at, bytes } of kept) {
            assert.ok(chunk.bytes.subarray(at, at + bytes.length).equals(bytes), 'written over')
          }
        })
      }),
    )
  })

  test('uses the same memory again when all of it was released', () => {
    const arena = new Arena()
    const source = Buffer.alloc(60_000, 1)
    const chunks = new Set<Buffer>()
    for (let round = 0; round < 50; round++) {
      const kept = Array.from({ length: 10 }, () => arena.keep(source, 0, source.length))
      for (const chunk of kept) chunks.add(chunk.bytes)
      for (const chunk of kept) arena.release(chunk)
    }
    assert.ok(chunks.size <= 6, `${chunks.size} chunks for what fits in 5`)
  })
})

describe('random numbers for pure code', () => {
  test('the same seed gives the same numbers, another seed others', () => {
    const drawn = (seed: number): number[] => {
      const prng = new Prng(seed)
      return Array.from({ length: 8 }, () => prng.u32())
    }
    assert.deepEqual(drawn(7), drawn(7))
    assert.notDeepEqual(drawn(7), drawn(8))
  })

  test('numbers below a bound lie below it and come about equally often, from any seed', () => {
    for (const seed of [0, 1, 2 ** 31 - 1, 2 ** 31]) {
      const prng = new Prng(seed)
      const counts = new Array<number>(10).fill(0)
      for (let i = 0; i < 20_000; i++) counts[prng.below(10)]! += 1
      assert.equal(counts.length, 10)
      for (const count of counts) assert.ok(count > 1_800 && count < 2_200, `${seed}: ${counts}`)
    }
  })
})
