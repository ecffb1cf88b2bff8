/** Operators at a terminal: what they look at, as tables and as JSON, and the timeline they follow. */
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { type Ended, Finbus, finbusIn } from './support/finbus.ts'
import {
  calledOf,
  clientOf,
  clusterOf,
  entryOf,
  forceOf,
  routeOf,
} from './support/sample-cluster.ts'
import { ScriptedAdmin } from './support/scripted-admin.ts'
import { story, until, type World } from './support/world.ts'

const adminIn = async (world: World): Promise<ScriptedAdmin> => {
  const admin = await ScriptedAdmin.start()
  world.later(() => admin.close())
  return admin
}

const finbus = (admin: ScriptedAdmin, args: readonly string[], env = {}): Promise<Ended> =>
  new Finbus(args, { FINBUS_ADMIN: admin.url, ...env }).ended

describe('what operators look at', () => {
  story('circuits: open and forced ones first, with the reason; only of a topic', async (world) => {
    const admin = await adminIn(world)
    const forced = { to: 'open' as const, reason: 'a bad release', leftMs: 42_000 }
    const sick = calledOf({ circuit: { state: 'open', forced }, topic: 'fx.quote' })
    const isolated = calledOf({ routes: [routeOf({ isolation: 'open' })] })
    admin.snapshot = clusterOf({
      clients: [
        clientOf('well', 'sz'),
        clientOf('half', 'sz', [isolated]),
        clientOf('sick', 'sh', [sick]),
      ],
      forces: [forceOf({ topic: 'fx.quote' })],
    })
    const { out } = await finbus(admin, ['circuits'])
    const lines = out.split('\n')
    assert.equal(lines[0], 'circuit of fx.quote forced open by anna for 55s: a bad release')
    assert.match(lines[2]!, /^fx\.quote +sick +sh +open +open for 42s +0 +1 +a bad release$/)
    assert.match(lines[3]!, /^account\.balance +half +sz +closed +- +1 /)
    const one = await finbus(admin, ['circuits', 'account.balance', '--json'])
    const { circuits, forces } = JSON.parse(one.out) as { circuits: object[]; forces: object[] }
    assert.deepEqual([circuits.length, forces.length], [2, 0])
    assert.match((await finbus(admin, ['circuits', 'fx.qote'])).err, /did you mean fx\.quote/)
  })

  story('IDCs: who is there, and how many calls leave', async (world) => {
    const admin = await adminIn(world)
    admin.snapshot = clusterOf({ forces: [forceOf({ what: 'queues', idc: 'sh', topic: '*' })] })
    const { out } = await finbus(admin, ['idcs'])
    assert.match(out, /^sh +1 +1 +1 +0 +0 +1 +104 +\* by anna: a bad release$/m)
    assert.match(out, /^sz +1 +1 +1 +0 +1 +104 +1$/m)
  })

  story('sessions come page by page', async (world) => {
    const admin = await adminIn(world)
    const sessions = Array.from({ length: 3 }, (_, i) => ({
      ...{ instance: `i-${i}`, name: `web-${i}`, idc: 'sz', label: '', address: '127.0.0.1:5' },
      ...{
        state: 'up',
        forMs: 90_000,
        calls: 1,
        unsentBytes: 0,
        heldReplies: 0,
        watches: 1,
        answers: 0,
      },
    }))
    admin.says.set('/v1/sessions', { sessions, next: 'i-2' })
    admin.says.set('/v1/sessions?limit=500&after=i-2', {
      sessions: [{ ...sessions[0], name: 'last' }],
      next: null,
    })
    const { out } = await finbus(admin, ['sessions'])
    assert.match(out, /^web-2 +i-2 +sz +up +90s +1 /m)
    assert.match(out, /^last /m)
    assert.deepEqual(
      admin.asked.map(({ path }) => path),
      ['/v1/sessions?limit=500', '/v1/sessions?limit=500&after=i-2'],
    )
  })

  story('a trace is told hop by hop; one that nobody remembers is an error', async (world) => {
    const admin = await adminIn(world)
    const hop = { at: 1_000, role: 'requester', node: 'i-web', nodeName: 'web', attempt: 1 }
    admin.says.set('/v1/trace/i-web-7', {
      ...{ correlationId: 'i-web-7', isKnown: true, silent: [{ node: 'sz-2', why: 'down' }] },
      events: [
        { ...hop, what: 'sent', queue: 4, instance: 'i-accounts-1' },
        { ...hop, at: 1_012, what: 'settled', reason: 'ok' },
      ],
    })
    const gone = { correlationId: 'x', isKnown: false, events: [], silent: [] }
    admin.says.set('/v1/trace/x', gone)
    const { out } = await finbus(admin, ['trace', 'i-web-7'])
    assert.match(out, /\+0ms +requester +web +sent +1 +queue 4, instance i-accounts-1/)
    assert.match(out, /\+12ms +requester +web +settled +1 +ok/)
    assert.match(out, /silent: sz-2: down/)
    const { code, err } = await finbus(admin, ['trace', 'x'])
    assert.match(err, /nobody remembers a call x/)
    assert.equal(code, 1)
  })

  story('the audit says who did what, and what was refused', async (world) => {
    const admin = await adminIn(world)
    const entry = {
      at: 0,
      who: 'anna',
      action: 'isolate',
      target: 'sz',
      reason: 'tests',
      before: null,
    }
    const entries = [
      { ...entry, after: null, outcome: 'done', error: null },
      { ...entry, after: null, who: 'ben', outcome: 'refused', error: 'conflict' },
    ]
    admin.says.set('/v1/audit', { entries })
    const { out } = await finbus(admin, ['audit'])
    assert.match(out, /1970-01-01T00:00:00\.000Z +anna +isolate +sz +done +tests/)
    assert.match(out, /ben +isolate +sz +refused: conflict/)
    const json = await finbus(admin, ['audit', '--json'])
    assert.deepEqual(JSON.parse(json.out), { ok: true, entries })
  })

  story(
    'the timeline is told, and followed over a lost stream; Ctrl-C ends it well',
    async (world) => {
      const admin = await adminIn(world)
      const told = [
        entryOf(1, { topic: 'fx.quote', text: 'queue full\u001b[31m\nand more', level: 'warn' }),
        entryOf(2, { source: 'operator', node: 'anna', text: 'isolated sz' }),
      ]
      admin.says.set('/v1/timeline', { entries: told })
      const { out } = await finbus(admin, ['timeline'])
      assert.deepEqual(out.split('\n'), [
        '12:30:01.000 warn  sz-1: queue full [31m and more',
        '12:30:02.000 info  operator anna at sz-1: isolated sz',
        '',
      ])
      const one = await finbus(admin, ['timeline', '--topic', 'fx.quote', '--json', '--limit', '7'])
      assert.equal(admin.asked.at(-1)?.path, '/v1/timeline?limit=7')
      assert.equal((JSON.parse(one.out) as { entries: object[] }).entries.length, 1)

      const env = { FINBUS_ADMIN: admin.url }
      const following = finbusIn(world, ['timeline', '--follow'], env)
      await until('it follows', () => admin.streams === 1, 10_000)
      admin.tell(entryOf(2, { source: 'operator', node: 'anna', text: 'isolated sz' }))
      admin.tell(entryOf(3, { text: 'first' }))
      await following.said(/first/)
      admin.cutStreams()
      await following.said(/lost .*; trying again/)
      await until('it follows again', () => admin.streams === 1, 10_000)
      const again = admin.asked.filter(({ path }) => path === '/v1/advisories').at(-1)
      assert.equal(again?.headers['last-event-id'], '7-3')
      admin.tell(entryOf(4, { text: 'second' }))
      await following.said(/second/)
      following.child.kill('SIGINT')
      const ended = await following.ended
      assert.equal(ended.code, 0)
      assert.equal(ended.out.match(/isolated sz/g)?.length, 1, 'nothing is told twice')
    },
  )
})
