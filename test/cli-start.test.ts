/** `finbus start` with what stands beside a broker: its admin API, the call it tries, a sample load. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ServiceError } from '../rr-client/index.ts'
import { freeAddress, heldAddresses } from '../scenarios/cli/admin-address.ts'
import { TryIt } from '../scenarios/cli/try-it.ts'
import { Pace } from '../scenarios/load/pace.ts'
import { SAMPLE_TOPICS } from '../scenarios/load/topics.ts'
import { Finbus, finbusIn, type Finbus as Process } from './support/finbus.ts'
import { alive, childrenOf, hasProc } from './support/live.ts'
import { failure, story, until, type World } from './support/world.ts'

const ANYWHERE = ['--listen', 'ws://127.0.0.1:0']

const takenAddress = async (world: World): Promise<string> => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  world.later(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const toldBy = async (finbus: Process): Promise<{ url: string; idc: string; admin?: string }> =>
  JSON.parse((await finbus.said(/^\{"url".*\}$/m))[0])

describe('the admin API of a broker', () => {
  story('has an address, which is told; off, it has none', async (world) => {
    const json = finbusIn(world, ['start', ...ANYWHERE, '--json'])
    assert.match((await toldBy(json)).admin ?? '', /^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
    const text = finbusIn(world, ['start', ...ANYWHERE])
    const [, admin] = await text.said(/^Dashboard and admin API: (http:\S+)$/m)
    await text.said(new RegExp(`^ {2}finbus top --admin ${admin}$`, 'm'))
    const off = finbusIn(world, ['start', ...ANYWHERE, '--admin', 'off', '--json'])
    assert.equal((await toldBy(off)).admin, undefined)
  })

  story('says in one sentence that its address is taken, and how to change it', async (world) => {
    const admin = await takenAddress(world)
    for (const more of [[], ['--brokers', '2']]) {
      const args = ['start', ...ANYWHERE, '--admin', admin, ...more]
      const { code, out, err } = await new Finbus(args).ended
      assert.deepEqual([code, out], [1, ''])
      assert.match(
        err,
        new RegExp(`^error: the admin API cannot listen on ${admin}: .*taken.*--admin off\\n$`),
      )
    }
  })

  story(
    'gets ports that are free, each another one; a wish gives way where it may',
    async (world) => {
      const any = 'http://127.0.0.1:0'
      const found = await heldAddresses([any, any, any])
      assert.equal(new Set(found).size, 3)
      for (const url of found) assert.match(url, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
      const taken = await takenAddress(world)
      const other = await freeAddress(taken)
      assert.notEqual(other, taken)
      assert.equal(await freeAddress(other), other)
    },
  )
})

describe('the call that a dashboard tries', () => {
  story('goes by a client of its own, which is there once it is wanted', async (world) => {
    const broker = await world.broker({ idc: 'sz' })
    const bus = await world.connect(broker, { name: 'accounts', idc: 'sz' })
    const ids: string[] = []
    await bus.reply('account.balance', (body, ctx) => {
      ids.push(ctx.correlationId)
      return body
    })
    await bus.reply('account.refuse', () => {
      throw new ServiceError('INSUFFICIENT_FUNDS', 'no')
    })
    const tryIt = new TryIt()
    await assert.rejects(tryIt.call('account.balance', {}, {}), /the broker is not up/)
    tryIt.serve(broker)
    assert.equal(broker.snapshot().sessions, 1, 'nobody has tried anything yet')
    const { reply, correlationId, tookMs } = await tryIt.call(
      'account.balance',
      { account: '7' },
      { timeoutMs: 1_000, headers: { flag: 'v2' }, idempotent: true },
    )
    assert.deepEqual([reply, correlationId], [{ account: '7' }, ids[0]])
    assert.ok(tookMs! >= 0)
    await tryIt.call('account.balance', {}, {})
    assert.equal(broker.snapshot().sessions, 2, 'one client for all of them')
    await assert.rejects(tryIt.call('account.refuse', {}, {}), { code: 'INSUFFICIENT_FUNDS' })
    await failure(tryIt.call('nobody.answers', {}, {}), 'no_responder')
    await tryIt.close()
    await until('it has left', () => broker.snapshot().links === 1)
    await assert.rejects(tryIt.call('account.balance', {}, {}), /the broker is not up/)
  })

  story('a caller is told the id of a call, the one its handler sees', async (world) => {
    const broker = await world.broker()
    const bus = await world.connect(broker)
    await bus.reply('give.id', (_, ctx) => ctx.correlationId)
    const told: string[] = []
    const onAccepted = (id: string): void => {
      told.push(id)
    }
    const replies = [
      await bus.request('give.id', {}, { onAccepted }),
      await bus.request('give.id', {}, { onAccepted, timeoutMs: 3_600_000 }),
    ]
    assert.deepEqual(told, replies)
    await failure(bus.request('nobody.answers', {}, { onAccepted }), 'no_responder')
    assert.equal(told.length, 3)
    const wrong = bus.request('give.id', {}, { onAccepted: 'x' as unknown as () => void })
    assert.match(
      (await failure(wrong, 'invalid_argument')).message,
      /onAccepted must be a function/,
    )
  })
})

describe('a sample load', () => {
  story(
    'answers and calls in processes of its own, and ends with the broker',
    async (world) => {
      const starter = finbusIn(world, [
        'start',
        ...ANYWHERE,
        '--idc',
        'sz',
        '--load',
        '30',
        '--json',
      ])
      const { url } = await toldBy(starter)
      const bus = await world.connect(url, { idc: 'sz' })
      const seen = async () =>
        (await bus.inspect()) as { topics: { topic: string; queues: object[]; watchers: number }[] }
      await until(
        'every topic is answered and called',
        async () => {
          const { topics } = await seen()
          return SAMPLE_TOPICS.every(({ topic }) =>
            topics.some(
              (one) => one.topic === topic && one.queues.length === 2 && one.watchers > 0,
            ),
          )
        },
        15_000,
      )
      const reply = await bus.request('account.balance', { n: 1, account: '7' })
      assert.deepEqual(Object.keys(reply as object), ['balance', 'currency'])
      const pids = hasProc ? childrenOf(starter.child.pid!) : []
      if (hasProc) assert.equal(pids.length, 2)
      await bus.close()
      starter.child.kill('SIGINT')
      const { code, err } = await starter.ended
      assert.equal(code, 0, err)
      assert.deepEqual(hasProc ? alive(pids) : [], [])
    },
    40_000,
  )

  story(
    'ends even when the one that started it is killed',
    async (world) => {
      if (!hasProc) return
      const starter = finbusIn(world, ['start', ...ANYWHERE, '--load', '5', '--json'])
      await toldBy(starter)
      const pids = childrenOf(starter.child.pid!)
      starter.child.kill('SIGKILL')
      await until('nobody of it is left', () => alive(pids).length === 0, 12_000)
    },
    40_000,
  )

  test('needs a token where brokers ask for one, and a number', async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'finbus-start-'))
    context.after(() => rmSync(folder, { recursive: true }))
    const tokens = join(folder, 'tokens.json')
    writeFileSync(tokens, JSON.stringify([{ token: 'a-token-of-the-test', request: ['*'] }]))
    const guarded = await new Finbus(['start', ...ANYWHERE, '--load', '5', '--tokens', tokens])
      .ended
    assert.match(guarded.err, /--load with --tokens needs --token-file or FINBUS_TOKEN/)
    const much = await new Finbus(['start', ...ANYWHERE, '--load', 'much']).ended
    assert.match(much.err, /--load must be a whole number from 1 to 20000; got "much"/)
    assert.deepEqual([guarded.code, much.code], [2, 2])
  })

  story('keeps its pace, and leaves whoever is slow in peace', async () => {
    let [open, most, calls] = [0, 0, 0]
    let settle: (value: unknown) => void = () => {}
    const never = new Promise((resolve) => {
      settle = resolve
    })
    const pace = new Pace({
      rate: 20_000,
      call: async () => {
        calls += 1
        open += 1
        most = Math.max(most, open)
        await never
        open -= 1
      },
    })
    pace.begin()
    await until('it has as many open as it may', () => open === 500)
    const before = calls
    await new Promise((resolve) => setTimeout(resolve, 120))
    assert.deepEqual([calls, most], [before, 500])
    pace.end()
    settle(undefined)
    await until('all have settled', () => open === 0)
  })
})
