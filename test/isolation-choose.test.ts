/** The choice of a queue: nearness, burden, latency, keys, what is left out, and probes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Flag, QueueState } from '../bus/frame.ts'
import { NO_BYTES } from '../bus/headers.ts'
import type { Outbox } from '../bus/outbox.ts'
import { Prng } from '../bus/prng.ts'
import { BrokerLink } from '../rr-client/core/broker-link.ts'
import { choose, isSpilling, Lenience } from '../rr-client/core/choose.ts'
import { RequestResponseFuture } from '../rr-client/core/future.ts'
import { Homing } from '../rr-client/core/homing.ts'
import { Isolation } from '../rr-client/core/isolation.ts'
import type { RouteQueue } from '../rr-client/core/route-queue.ts'
import { TopicRoutes } from '../rr-client/core/routes.ts'

const NOW = 10_000

/** A topic with the queues of one home broker and one elsewhere, and calls for it. */
class Choices {
  readonly prng = new Prng(3)
  readonly topic = new TopicRoutes(NOW, 'account.balance', 'sz')
  readonly home = new BrokerLink(0, 'home')
  readonly away = new BrokerLink(1, 'away')
  now = NOW
  #owners = 0

  constructor() {
    for (const link of [this.home, this.away]) {
      link.state = 'up'
      link.outbox = { isClogged: false } as Outbox
    }
    this.away.isHome = false
  }

  queue(idc = 'sz', link = this.home): RouteQueue {
    this.#owners += 1
    const owner = this.#owners
    const { name } = this.topic
    const about = { instance: `instance-${owner}`, idc, label: '' }
    const entry = { queue: owner, epoch: 1, state: QueueState.writable, owner, ...about }
    const news = { topic: name, handle: 1, code: '', group: 'accounts', settlingMs: 0 }
    this.topic.apply(link, { ...news, isFull: false, entries: [entry] })
    return this.topic.queues.at(-1)!
  }

  queues(count: number): RouteQueue[] {
    return Array.from({ length: count }, () => this.queue())
  }

  call(about: { key?: string; flags?: number } = {}): RequestResponseFuture {
    const facts = {
      topic: this.topic.name,
      body: NO_BYTES,
      headers: NO_BYTES,
      flags: about.flags ?? 0,
      timeoutMs: 1_000,
      key: about.key,
      waitForResponder: false,
    }
    return new RequestResponseFuture(this.now, facts, this.topic, undefined)
  }

  choose(future = this.call(), lenience: Lenience = Lenience.none): RouteQueue | undefined {
    return choose(this.now, future, this.prng, lenience)
  }

  /** The share of many calls that each of these queues gets, as whole percents. */
  shares(queues: readonly RouteQueue[], calls = 4_000): number[] {
    const counts = queues.map(() => 0)
    for (let i = 0; i < calls; i++) {
      const at = queues.indexOf(this.choose()!)
      if (at >= 0) counts[at]! += 1
    }
    return counts.map((count) => Math.round((count * 100) / calls))
  }

  /** It is isolated, and may have a probe after `forMs`. */
  isolate(queue: RouteQueue): number {
    queue.isolation = new Isolation(this.now)
    let forMs = 0
    while (forMs === 0) forMs = queue.isolation.fail(this.now, this.now, true, this.prng)
    this.topic.probeAt = Math.min(this.topic.probeAt, queue.isolation.probeAt)
    return forMs
  }
}

/** It has always taken so long. */
const answers = (queue: RouteQueue, ms: number): void => {
  for (let i = 0; i < 100; i++) queue.noteReply(NOW, ms, 0)
}

const near = (found: number | undefined, wanted: number, by = 3): void =>
  assert.ok(Math.abs(found! - wanted) <= by, `${found} for ${wanted}`)

describe('the better of two', () => {
  test('equals get equal shares', () => {
    const choices = new Choices()
    for (const share of choices.shares(choices.queues(4))) near(share, 25)
  })

  test('by calls in flight; the most burdened of all gets nothing', () => {
    const choices = new Choices()
    const queues = choices.queues(4)
    for (const [i, queue] of queues.entries()) queue.inFlight = i
    const [first, second, third, last] = choices.shares(queues)
    assert.ok(first! > second! && second! > third!)
    assert.equal(last, 0)
  })

  test('by latency where that differs by much: the slow one gets what it can finish', () => {
    const choices = new Choices()
    const [quick, slow] = choices.queues(2)
    answers(quick!, 5)
    answers(slow!, 1_000)
    quick!.inFlight = 150
    assert.equal(choices.choose(), quick)
    quick!.inFlight = 300
    assert.equal(choices.choose(), slow)
  })

  test('a small difference of latency is noise', () => {
    const choices = new Choices()
    const [a, b] = choices.queues(2)
    answers(a!, 2)
    answers(b!, 6)
    near(choices.shares([a!, b!])[0], 50, 4)
    b!.inFlight = -1
    assert.equal(choices.choose(), b)
  })

  test('what was slow once is believed less and less: one call finds out whether it still is', () => {
    const choices = new Choices()
    const [quick, slow] = choices.queues(2)
    answers(quick!, 5)
    answers(slow!, 1_000)
    const untilTried = (): number => {
      const from = choices.now
      while (choices.choose() !== slow && choices.now < from + 30_000) {
        choices.now += 100
        quick!.noteReply(choices.now, 5, 0)
      }
      return choices.now - from
    }
    const firstMs = untilTried()
    assert.ok(firstMs > 2_000 && firstMs < 10_000, `${firstMs}`)
    slow!.inFlight = 1
    assert.deepEqual(choices.shares([quick!, slow!], 500), [100, 0], 'one, not all of them')
    slow!.inFlight = 0
    slow!.noteReply(choices.now, 1_000, 0)
    assert.ok(untilTried() > 2_000, 'it still is')
    slow!.noteReply(choices.now, 5, 0)
    choices.now += 1_000
    quick!.noteReply(choices.now, 5, 0)
    near(choices.shares([quick!, slow!])[1], 50, 4)
  })
})

describe('a key', () => {
  const keys = Array.from({ length: 600 }, (_, i) => `key${i}`)

  test('always goes to the same owner, and all owners have their share of the keys', () => {
    const choices = new Choices()
    const queues = choices.queues(4)
    const counts = new Map<RouteQueue, number>()
    for (const key of keys) {
      const queue = choices.choose(choices.call({ key }))!
      for (const other of queues) other.inFlight = 5
      queue.inFlight = 1_000
      assert.equal(choices.choose(choices.call({ key })), queue)
      counts.set(queue, (counts.get(queue) ?? 0) + 1)
    }
    for (const queue of queues) near(counts.get(queue), 150, 40)
  })

  test('an owner that is left out moves its own keys and no other', () => {
    const choices = new Choices()
    const queues = choices.queues(4)
    const before = keys.map((key) => choices.choose(choices.call({ key })))
    choices.isolate(queues[2]!)
    for (const [i, key] of keys.entries()) {
      const queue = choices.choose(choices.call({ key }))
      if (before[i] === queues[2]) assert.notEqual(queue, queues[2])
      else assert.equal(queue, before[i])
    }
  })
})

describe('left out', () => {
  const states: [string, (queue: RouteQueue, choices: Choices) => void][] = [
    ['in transition', (queue) => Object.assign(queue, { state: QueueState.transition })],
    ['stalled', (queue) => Object.assign(queue, { state: QueueState.stalled })],
    ['full', (queue) => Object.assign(queue, { state: QueueState.full })],
    ['refused for now by its broker', (queue) => Object.assign(queue, { avoidUntil: NOW + 1 })],
    ['refused just now by its owner', (queue) => queue.noteRefusal(NOW)],
    ['isolated', (queue, choices) => choices.isolate(queue)],
  ]

  for (const [what, hurt] of states) {
    test(`${what}: the others get its calls`, () => {
      const choices = new Choices()
      const queues = choices.queues(3)
      hurt(queues[1]!, choices)
      const [a, b, c] = choices.shares(queues)
      assert.equal(b, 0)
      near(a, 50, 4)
      near(c, 50, 4)
    })
  }

  test('a link that is down, doubtful or clogged', () => {
    const choices = new Choices()
    const queue = choices.queue()
    choices.home.isDoubtful = true
    assert.equal(choices.choose(), undefined)
    assert.equal(choices.choose(choices.call(), Lenience.doubtful), queue, 'better than none')
    choices.home.isDoubtful = false
    choices.home.outbox = { isClogged: true } as Outbox
    assert.equal(choices.choose(choices.call(), Lenience.isolated), undefined)
    choices.home.outbox = { isClogged: false } as Outbox
    choices.home.state = 'waiting'
    assert.equal(choices.choose(choices.call(), Lenience.isolated), undefined)
  })

  test('an instance that may have the call already, and a queue that had no room for it', () => {
    const choices = new Choices()
    const queue = choices.queue()
    const asked = choices.call()
    const attempt = { number: 1, link: choices.home, generation: 0, queue, sentAt: NOW }
    asked.current = { ...attempt, instance: queue.instance }
    assert.equal(choices.choose(asked, Lenience.isolated), undefined)
    const refused = choices.call()
    refused.refusedBy = [queue]
    assert.equal(choices.choose(refused, Lenience.isolated), undefined)
  })

  test('the last route is used although it is isolated or stalled, not if an operator says no', () => {
    const choices = new Choices()
    const queue = choices.queue()
    queue.isolation = new Isolation(NOW)
    queue.isolation.hold({ to: 'open', until: NOW + 1_000, reason: 'a bad disk' })
    assert.equal(choices.choose(choices.call(), Lenience.isolated), undefined)
    queue.isolation.hold(undefined)
    choices.isolate(queue)
    assert.equal(choices.choose(), undefined)
    assert.equal(choices.choose(choices.call(), Lenience.isolated), queue)
    queue.state = QueueState.stalled
    assert.equal(choices.choose(choices.call(), Lenience.isolated), queue)
  })

  test('an owner that refuses again and again is asked less and less, at least every two seconds', () => {
    const choices = new Choices()
    const queue = choices.queue()
    const waits: number[] = []
    for (let i = 0; i < 20; i++) {
      queue.noteRefusal(choices.now)
      waits.push(queue.shyUntil - choices.now)
      choices.now = queue.shyUntil
      assert.equal(choices.choose(), queue)
    }
    assert.deepEqual(waits.slice(0, 4), [20, 40, 80, 160])
    assert.equal(waits.at(-1), 2_000)
    queue.noteReply(choices.now, 5, 0)
    queue.noteRefusal(choices.now)
    assert.equal(queue.shyUntil - choices.now, 20)
  })
})

describe('nearness', () => {
  const spread = () => {
    const choices = new Choices()
    const far = choices.queue('sh', choices.away)
    const remote = choices.queue('sh')
    const near = choices.queue()
    return { choices, near, remote, far }
  }

  test('home, then an owner elsewhere at a home broker, then a broker elsewhere', () => {
    const { choices, near, remote, far } = spread()
    near.inFlight = 1_000
    assert.deepEqual([near.tier, remote.tier, far.tier], [0, 1, 2])
    for (const queue of [near, remote, far]) {
      assert.equal(choices.choose(), queue)
      choices.isolate(queue)
    }
    assert.equal(choices.choose(), undefined)
  })

  test('a loaded home gives a growing share away before its latency doubles, but never all', () => {
    const { choices, near: home, remote } = spread()
    home.load = 0.1
    assert.deepEqual(choices.shares([remote]), [0])
    assert.ok(!isSpilling(home))
    let before = 0
    for (const load of [0.7, 1, 1.5]) {
      home.load = load
      const [share] = choices.shares([remote])
      assert.ok(share! > before, `${share} for ${load}`)
      assert.ok(isSpilling(home))
      before = share!
    }
    home.load = 50
    near(choices.shares([remote])[0], 90)
  })

  test('but not to those that are loaded as much', () => {
    const { choices, near, remote } = spread()
    near.load = 3
    remote.load = 3
    assert.deepEqual(choices.shares([near, remote]), [100, 0])
  })

  test('a topic on its way home goes there in steps', () => {
    const { choices, near: home } = spread()
    const homing = new Homing()
    choices.topic.homing = homing
    homing.leave(NOW)
    assert.deepEqual(choices.shares([home]), [0])
    choices.now += 3_000
    near(choices.shares([home])[0], 10)
    choices.now += 2_500
    near(choices.shares([home])[0], 55)
  })
})

describe('probes', () => {
  test('none before their time; then one call, marked as such, and no second', () => {
    const choices = new Choices()
    const [sick, well] = choices.queues(2)
    const forMs = choices.isolate(sick!)
    choices.now += forMs - 1
    const flags = Flag.idempotent
    assert.equal(choices.choose(choices.call({ flags })), well)
    choices.now += 1
    const probe = choices.call({ flags })
    assert.equal(choices.choose(probe), sick)
    assert.equal(probe.probeOf, sick)
    for (let i = 0; i < 20; i++) assert.equal(choices.choose(choices.call({ flags })), well)
  })

  test('a call that must not run twice becomes one only half a second later', () => {
    const choices = new Choices()
    const [sick, well] = choices.queues(2)
    choices.now += choices.isolate(sick!) + 499
    assert.equal(choices.choose(), well)
    choices.now += 1
    assert.equal(choices.choose(), sick)
  })

  test('each of two sick queues has its own', () => {
    const choices = new Choices()
    const [a, b, well] = choices.queues(3)
    const lastMs = Math.max(choices.isolate(a!), choices.isolate(b!))
    choices.now += lastMs
    const flags = Flag.idempotent
    const chosen = [1, 2, 3].map(() => choices.choose(choices.call({ flags })))
    assert.deepEqual([chosen.includes(a), chosen.includes(b)], [true, true])
    assert.equal(chosen[2], well)
    assert.ok(choices.topic.probeAt > choices.now)
  })

  test('not of a queue that takes nothing anyway, nor by a call that it may have', () => {
    const choices = new Choices()
    const [sick, well] = choices.queues(2)
    choices.now += choices.isolate(sick!) + 1_000
    sick!.state = QueueState.transition
    assert.equal(choices.choose(), well)
    sick!.state = QueueState.writable
    const asked = choices.call()
    const attempt = { number: 1, link: choices.home, generation: 0, queue: sick, sentAt: NOW }
    asked.current = { ...attempt, instance: sick!.instance }
    assert.equal(choices.choose(asked), well)
    assert.equal(choices.choose(), sick)
  })
})
