/** Of a topic with very many queues a session knows a share: which, and how it follows what changes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Queue } from '../broker/core/queue.ts'
import { isLarge, RouteSubsets } from '../broker/core/route-subsets.ts'
import { Session } from '../broker/core/session.ts'
import { Prng } from '../bus/prng.ts'

const TOLD = 32
const LIMITS = { maxDepth: 10, maxDepthBytes: 1_000 }
const TOPIC = { handle: 1, name: 'account.balance', limits: LIMITS }
const CREDIT = { id: 1, window: 1, windowBytes: 1_000 }

const sessionOf = (handle: number, instance: string, idc: string): Session => {
  const facts = { secret: '', replyTopic: '', name: '', label: '', grant: undefined }
  return new Session(handle, { ...facts, instance, idc })
}

/** A topic whose changes are told, and what every session has been told so far. */
class Fleet {
  readonly queues = new Set<Queue>()
  readonly subsets = new RouteSubsets(() => this.queues)
  readonly sessions: Session[] = []
  readonly known = new Map<Session, Set<Queue>>()
  /** Queues named in news, for each session. */
  readonly heard = new Map<Session, number>()
  /** How often a session was told all anew. */
  renewed = 0
  #nextHandle = 1

  /** Queues that requesters have yet to be told of. */
  make(count: number, idc = 'sz'): Queue[] {
    return Array.from({ length: count }, () => {
      const handle = this.#nextHandle
      this.#nextHandle += 1
      const owner = sessionOf(handle, `owner-${handle}`, idc)
      const queue = new Queue(handle, TOPIC, CREDIT, owner)
      queue.state = 'writable'
      this.queues.add(queue)
      return queue
    })
  }

  join(count: number, idc = 'sz'): Session[] {
    const from = this.sessions.length
    const joined = Array.from({ length: count }, (_, i) =>
      sessionOf(10_000 + from + i, `requester-${from + i}`, idc),
    )
    for (const session of joined) {
      this.sessions.push(session)
      this.heard.set(session, 0)
      this.known.set(session, new Set(this.subsets.draw(session)))
    }
    return joined
  }

  /** Tells what has changed, as the broker does. Returns how many sessions that concerned. */
  tell(...changed: Queue[]): number {
    for (const queue of changed) if (queue.state === 'gone') this.queues.delete(queue)
    const { news, short } = this.subsets.apply(changed)
    for (const [subset, noted] of news) {
      const known = this.known.get(subset.session)!
      this.heard.set(subset.session, this.heard.get(subset.session)! + noted.size)
      for (const queue of noted) {
        if (subset.has(queue)) known.add(queue)
        else known.delete(queue)
      }
    }
    for (const session of short) this.known.set(session, new Set(this.subsets.draw(session)))
    this.renewed += short.length
    return news.size
  }

  lose(...queues: Queue[]): number {
    for (const queue of queues) queue.state = 'gone'
    return this.tell(...queues)
  }

  /** How many sessions know each queue: the fewest and the most. */
  spread(): [number, number] {
    const counts = new Map([...this.queues].map((queue) => [queue, 0]))
    for (const known of this.known.values()) {
      for (const queue of known) counts.set(queue, counts.get(queue)! + 1)
    }
    return [Math.min(...counts.values()), Math.max(...counts.values())]
  }

  writable(session: Session): number {
    return [...this.known.get(session)!].filter(({ state }) => state === 'writable').length
  }

  ofIdc(session: Session, idc: string): number {
    return [...this.known.get(session)!].filter(({ owner }) => owner.idc === idc).length
  }
}

describe('which queues a session knows', () => {
  test('32, and every queue is known to about as many sessions', () => {
    const fleet = new Fleet()
    fleet.make(200)
    fleet.join(1_000)
    for (const known of fleet.known.values()) assert.equal(known.size, TOLD)
    const [fewest, most] = fleet.spread()
    assert.ok(fewest > 110 && most < 210, `${fewest} to ${most} sessions, 160 are fair`)
  })

  test('the same ones, whoever came first', () => {
    const one = new Fleet()
    one.make(200)
    const [early] = one.join(1)
    const other = new Fleet()
    const queues = other.make(200)
    other.queues.clear()
    for (const queue of queues.reverse()) other.queues.add(queue)
    other.join(1)
    const handles = (fleet: Fleet): number[] =>
      [...fleet.known.get(fleet.sessions[0]!)!].map(({ handle }) => handle).sort((a, b) => a - b)
    assert.equal(early, one.sessions[0])
    assert.deepEqual(handles(one), handles(other))
  })

  test('a topic is large above 64 queues, and until it has fewer than 48', () => {
    const large = [64, 65, 64, 48, 47, 48, 64].map((count, i, all) => {
      const was = all.slice(0, i).reduce((so, n) => isLarge(n, so), false)
      return isLarge(count, was)
    })
    assert.deepEqual(large, [false, true, true, true, false, false, false])
  })

  test('a queue that is not writable is known only for want of a better', () => {
    const fleet = new Fleet()
    const queues = fleet.make(100)
    for (const queue of queues.slice(0, 60)) queue.state = 'transition'
    const [all] = fleet.join(1)
    assert.equal(fleet.writable(all!), TOLD)
    for (const queue of queues.slice(60, 90)) queue.state = 'transition'
    fleet.tell(...queues.slice(60, 90))
    assert.equal(fleet.writable(all!), 10, 'all that there are')
    assert.equal(fleet.known.get(all!)!.size, TOLD)
  })
})

describe('what a session hears', () => {
  test('only what concerns its own queues', () => {
    const fleet = new Fleet()
    const queues = fleet.make(200)
    fleet.join(1_000)
    const knowing = [...fleet.known.values()].filter((known) => known.has(queues[17]!)).length
    assert.equal(fleet.lose(queues[17]!), knowing)
    const [fresh] = fleet.make(1)
    const told = fleet.tell(fresh!)
    assert.ok(told > 100 && told < 220, `${told} of 1,000 took the new one, 160 are fair`)
    for (const known of fleet.known.values()) assert.ok(known.size <= TOLD)
  })

  test('a rolling restart of all: little, and the load is spread over the new ones', () => {
    const fleet = new Fleet()
    const queues = fleet.make(200)
    fleet.join(500)
    for (const queue of queues) {
      fleet.lose(queue)
      fleet.tell(...fleet.make(1))
    }
    for (const session of fleet.sessions) assert.ok(fleet.writable(session) >= 16)
    const [fewest, most] = fleet.spread()
    assert.ok(fewest > 30 && most < 130, `${fewest} to ${most} sessions, 80 are fair`)
    const heard = [...fleet.heard.values()]
    assert.ok(Math.max(...heard) < 200, `${Math.max(...heard)} of 400 changes heard by one`)
  })

  test('many lost at once: it is given others as long as there are any', () => {
    const fleet = new Fleet()
    const queues = fleet.make(200)
    fleet.join(200)
    fleet.lose(...queues.slice(0, 150))
    for (const session of fleet.sessions) assert.ok(fleet.writable(session) >= 16)
    fleet.lose(...queues.slice(150, 190))
    for (const session of fleet.sessions) assert.equal(fleet.writable(session), 10)
    fleet.lose(...queues.slice(190))
    for (const session of fleet.sessions) assert.equal(fleet.known.get(session)!.size, 0)
    fleet.tell(...fleet.make(3))
    for (const session of fleet.sessions) assert.equal(fleet.writable(session), 3)
  })

  test('short of writable queues, it takes any, for those that are not writable', () => {
    const fleet = new Fleet()
    for (const queue of fleet.make(90)) queue.state = 'transition'
    fleet.make(10)
    fleet.join(50)
    for (let count = 11; count <= 16; count++) {
      fleet.tell(...fleet.make(1))
      for (const session of fleet.sessions) assert.equal(fleet.writable(session), count)
    }
    for (const known of fleet.known.values()) assert.equal(known.size, TOLD)
    assert.equal(fleet.renewed, 0)
  })

  test('one that is gone hears nothing', () => {
    const fleet = new Fleet()
    const queues = fleet.make(200)
    for (const session of fleet.join(50)) fleet.subsets.drop(session)
    assert.equal(fleet.subsets.size, 0)
    assert.equal(fleet.lose(...queues), 0)
  })
})

describe('the data centre of a session', () => {
  test('its owners come first: all of them if they are few, most of 32 if they are many', () => {
    const few = new Fleet()
    few.make(5, 'sz')
    few.make(200, 'sh')
    for (const session of few.join(20, 'sz')) {
      assert.deepEqual([few.ofIdc(session, 'sz'), few.ofIdc(session, 'sh')], [5, 27])
    }
    const many = new Fleet()
    many.make(200, 'sz')
    many.make(200, 'sh')
    for (const session of many.join(20, 'sz')) {
      assert.deepEqual([many.ofIdc(session, 'sz'), many.ofIdc(session, 'sh')], [24, 8])
    }
    for (const session of many.join(20, 'bj')) assert.equal(many.known.get(session)!.size, TOLD)
  })

  test('its owners are known as soon as they come, and the last of them is replaced', () => {
    const fleet = new Fleet()
    fleet.make(100, 'sh')
    const sessions = fleet.join(20, 'sz')
    const [first] = fleet.make(1, 'sz')
    fleet.tell(first!)
    for (const session of sessions) assert.equal(fleet.ofIdc(session, 'sz'), 1)
    const others = fleet.make(100, 'sz')
    fleet.tell(...others)
    for (const session of sessions) assert.equal(fleet.ofIdc(session, 'sz'), 24)
    fleet.lose(first!, ...others.slice(1))
    for (const session of sessions) assert.equal(fleet.ofIdc(session, 'sz'), 1)
  })
})

describe('a session that knows no writable queue of its own data centre', () => {
  const short = () => {
    const fleet = new Fleet()
    const own = fleet.make(30, 'sz')
    for (const queue of own) queue.state = 'transition'
    fleet.make(100, 'sh')
    fleet.join(50, 'sz')
    return { fleet, own }
  }

  const writableAtHome = (fleet: Fleet, session: Session): number =>
    [...fleet.known.get(session)!].filter(
      ({ state, owner }) => state === 'writable' && owner.idc === 'sz',
    ).length

  test('takes any that comes', () => {
    const { fleet, own } = short()
    for (const queue of own) {
      queue.state = 'writable'
      fleet.tell(queue)
      for (const session of fleet.sessions) assert.equal(writableAtHome(fleet, session), 1)
      queue.state = 'transition'
      fleet.tell(queue)
    }
  })

  test('is given one that it had left to others', () => {
    const { fleet, own } = short()
    const [first] = own
    first!.state = 'writable'
    fleet.tell(first!)
    for (const queue of own.slice(1)) {
      queue.state = 'writable'
      fleet.tell(queue)
      first!.state = 'transition'
      fleet.tell(first!)
      for (const session of fleet.sessions) assert.equal(writableAtHome(fleet, session), 1)
      first!.state = 'writable'
      fleet.tell(first!)
      queue.state = 'transition'
      fleet.tell(queue)
    }
  })
})

describe('whatever happens', () => {
  const isOneOf = <T>(prng: Prng, list: readonly T[]): T => list[prng.below(list.length)]!

  /** Up to three queues come, go, pause, go on, fill up or accept again. */
  const change = (fleet: Fleet, prng: Prng, gloom: number): Queue[] => {
    const changed = new Set<Queue>()
    for (let i = prng.below(3); i >= 0; i--) {
      if (fleet.queues.size < 40 || prng.chance(0.3)) {
        for (const queue of fleet.make(1, isOneOf(prng, ['sz', 'sh']))) changed.add(queue)
        continue
      }
      const queue = isOneOf(
        prng,
        [...fleet.queues].filter(({ state }) => state !== 'gone'),
      )
      if (prng.chance(0.3)) queue.state = 'gone'
      else if (prng.chance(0.5)) queue.state = prng.chance(gloom) ? 'transition' : 'writable'
      else queue.isFull = prng.chance(gloom)
      changed.add(queue)
    }
    return [...changed]
  }

  const isFit = (queue: Queue): boolean => queue.state === 'writable' && !queue.isFull

  test('it knows what the broker thinks it knows, at most 32, enough, and one of its own', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const prng = new Prng(seed)
      /** The share of queues that are not writable in the long run. */
      const gloom = isOneOf(prng, [0.1, 0.5, 0.9])
      const fleet = new Fleet()
      fleet.make(30, 'sz')
      fleet.make(60, 'sh')
      fleet.join(5, 'sz')
      fleet.join(5, 'sh')
      for (let step = 0; step < 200; step++) {
        fleet.tell(...change(fleet, prng, gloom))
        const fit = [...fleet.queues].filter(isFit)
        for (const session of fleet.sessions) {
          const known = [...fleet.known.get(session)!]
          const about = `seed ${seed}, step ${step}, ${session.instance}`
          assert.ok(known.length <= TOLD, about)
          assert.ok(
            known.every((queue) => fleet.queues.has(queue)),
            about,
          )
          const least = Math.min(16, fit.length)
          assert.ok(known.filter(isFit).length >= least, about)
          const isHome = (queue: Queue): boolean => queue.owner.idc === session.idc
          assert.equal(
            known.some((q) => isHome(q) && isFit(q)),
            fit.some(isHome),
            about,
          )
        }
      }
    }
  })
})
