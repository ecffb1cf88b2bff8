/** Many clients come at once, or come back at once: what the others notice of it. Real processes and sockets. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { BrokerSnapshot } from '../../broker/index.ts'
import { SUBPROTOCOL } from '../../bus/index.ts'
import { giveWay, type News, type Timed } from '../support/fleet.ts'
import type { Role } from '../support/roles.ts'
import { story, until, type World } from '../support/world.ts'

/** The reach is 3 s, and twice as slow as before; a machine that others use may need more. */
const QUIET_WITHIN_MS = 6_000
const SLOWER = 2
const ROOM_MS = 750
/** Nothing more has come for so long: it is quiet. */
const QUIET_MS = 400
const EVERY_MS = 3
const CALM_CALLS = 300
const ADMITTED_PER_TURN = 25

interface Calls {
  timed: Timed[]
  recoveries: number
}

/** A broker, a responder, and somebody who calls it all the time. */
const calm = async (world: World): Promise<{ broker: Role; caller: Role }> => {
  const broker = await world.role({ role: 'broker', listen: 'ws://127.0.0.1:0' })
  const { url } = broker
  await world.role({ role: 'responder', url, name: 'echo' })
  const caller = await world.role({ role: 'caller', url, topic: 'work.echo', everyMs: EVERY_MS })
  return { broker, caller }
}

const p99 = (calls: readonly Timed[]): number => {
  const sorted = calls.map(([, ms]) => ms).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN
}

/** Returns the present, from which on nothing but calls has happened for a while when it resolves. */
const calmSince = async (caller: Role): Promise<number> => {
  const since = Date.now()
  const isLong = async (): Promise<boolean> => {
    const { timed } = await caller.ask<Calls>({ what: 'timed' })
    return timed.filter(([at]) => at >= since).length >= CALM_CALLS
  }
  await until(`${CALM_CALLS} calls in peace`, isLong)
  return since
}

/** How calls did in peace and then; none may have failed, nor may the caller have lost its link. */
const judge = async (
  world: World,
  caller: Role,
  [since, from, to]: [number, number, number],
): Promise<void> => {
  const { timed, recoveries } = await caller.ask<Calls>({ what: 'timed' })
  const before = timed.filter(([at]) => at >= since && at < from)
  const during = timed.filter(([at]) => at >= from && at < to)
  const count = `${before.length} calls before, ${during.length} during`
  world.say(
    `p99 ${p99(before).toFixed(1)} ms before, ${p99(during).toFixed(1)} ms during; ${count}`,
  )
  assert.deepEqual(
    timed.filter(([, , error]) => error !== undefined),
    [],
  )
  assert.equal(recoveries, 0, 'the caller has lost its link')
  assert.ok(during.length >= (to - from) / EVERY_MS / 10, `${during.length} in ${to - from} ms`)
  const most = SLOWER * p99(before) + ROOM_MS
  assert.ok(p99(during) <= most, `p99 ${p99(during)} ms, ${most} at most`)
}

const writable = async (broker: Role): Promise<number> => {
  const { topics } = await broker.ask<BrokerSnapshot>({ what: 'snapshot' })
  const queues = topics.filter(({ topic }) => topic.startsWith('storm.')).flatMap((t) => t.queues)
  return queues.filter(({ state }) => state === 'writable').length
}

const UPGRADE = [
  'GET / HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
].join('\r\n')

story(
  'links that ask to be let in at the same moment are let in some per turn of the loop',
  async (world) => {
    const broker = await world.broker()
    const port = Number(new URL(broker.url).port)
    const sockets = Array.from({ length: 300 }, () => connect(port, '127.0.0.1'))
    world.later(() => {
      for (const socket of sockets) socket.destroy()
    })
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    // The loop accepts one connection per turn: only now can all of them ask at once.
    for (let turn = 0; turn < 2 * sockets.length; turn++) await nextTurn()
    for (const socket of sockets) socket.write(`${UPGRADE}\r\n\r\n`)
    const links = (): number => broker.snapshot().links
    let [most, before] = [0, 0]
    await until('all are let in', async () => {
      // As often as the loop turns.
      for (let turn = 0; turn < 100; turn++) {
        await nextTurn()
        most = Math.max(most, links() - before)
        before = links()
      }
      return before === sockets.length
    })
    assert.ok(most > 1 && most <= ADMITTED_PER_TURN, `${most} in one turn`)
  },
)

story(
  '1,000 links are opened at once, and lost at once: established ones are served all the while',
  async (world) => {
    const { broker, caller } = await calm(world)
    const links = async (): Promise<number> =>
      (await broker.ask<BrokerSnapshot>({ what: 'snapshot' })).links
    const before = await links()
    const since = await calmSince(caller)
    const beganAt = Date.now()
    const crowd = { role: 'fleet', url: broker.url, clients: 500, topics: 0 } as const
    const crowds = await Promise.all(['a', 'b'].map((name) => world.role({ ...crowd, name })))
    assert.equal(await links(), before + 1_000)
    world.say(`1,000 links after ${Date.now() - beganAt} ms, processes included`)
    await Promise.all(crowds.map((role) => role.kill()))
    await until('the broker has noticed', async () => (await links()) === before)
    await judge(world, caller, [since, beganAt, Date.now()])
  },
  60_000,
)

story(
  '50 clients with 200 topics each lose their links at once: soon all is assigned and quiet',
  async (world) => {
    const [clients, topics] = [50, 200]
    const { broker, caller } = await calm(world)
    // This process relays; it has nothing else to do from here on.
    giveWay()
    const proxy = await world.proxy(broker.url)
    const fleet = { role: 'fleet', url: proxy.url, clients: clients / 2, topics } as const
    await Promise.all(['a', 'b'].map((name) => world.role({ ...fleet, name })))
    const watcher = await world.role({ role: 'watcher', url: broker.url, clients, topics })
    const news = (): Promise<News> => watcher.ask<News>({ what: 'news' })
    const isWhole = async (): Promise<boolean> => (await news()).whole === topics
    await until('all is assigned', isWhole)
    let last = await news()
    let cutAt = 0
    const isQuiet = async (): Promise<boolean> => {
      last = await news()
      const isAgain = last.whole === topics && last.wholeAt > cutAt
      return isAgain && Date.now() - last.lastAt > QUIET_MS
    }
    const storm = async (): Promise<void> => {
      cutAt = Date.now()
      proxy.reset()
      await until('all is assigned again, and quiet', isQuiet, 3 * QUIET_WITHIN_MS)
    }
    // A broker that has just been started runs its code for the first time.
    await storm()
    const since = await calmSince(caller)
    const { count } = last
    await storm()
    const [wholeMs, quietMs] = [last.wholeAt - cutAt, last.lastAt - cutAt]
    world.say(`all assigned after ${wholeMs} ms, quiet after ${quietMs} ms`)
    assert.ok(quietMs <= QUIET_WITHIN_MS, `quiet after ${quietMs} ms`)
    const pushes = last.count - count
    assert.ok(pushes <= topics * 50, `${pushes} pushes for ${topics} topics`)
    assert.equal(await writable(broker), clients * topics)
    await judge(world, caller, [since, cutAt, last.lastAt])
  },
  60_000,
)
