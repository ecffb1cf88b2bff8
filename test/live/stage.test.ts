/** Real processes that are hurt in every way there is: what is seen of it, and what stays true. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { isOk, misledOf, twiceOf } from '../../scenarios/bench/survival/calls.ts'
import type { Call } from '../../scenarios/drills/stage.ts'
import { liveStage } from '../../scenarios/live/index.ts'
import {
  alive,
  childPlaying,
  childrenOf,
  hasProc,
  ownTmp,
  Theatre,
  writable,
} from '../support/live.ts'
import { story } from '../support/world.ts'

const from = (calls: readonly Call[], idc: string): Call[] =>
  calls.filter((call) => call.idc === idc && !call.isBystander && isOk(call))

story(
  'brokers, responders and ways are hurt one after the other; nothing runs twice, nobody is misled',
  async (world) => {
    const tmp = ownTmp(world)
    const theatre = new Theatre(world, liveStage({ seed: 7 }))
    const { stage } = theatre
    const sz = { brokers: 2, responders: 2, bystanders: 3 }
    await theatre.start({ idcs: { sz, sh: {} } }, { rate: 100, retries: 1, idempotentOfTen: 1 })
    await theatre.sees('all are there', (look) => {
      const isWhole = (broker: string): boolean => writable(look, broker) === 2
      return ['sz-1', 'sz-2', 'sh-1'].every(isWhole) && look.players.length === 9
    })

    await theatre.act('kill broker sz-1 for 300 ms')
    await theatre.sees('it is down', ({ players, queues }) => {
      return players.length === 8 && queues.every(({ broker }) => broker !== 'sz-1')
    })
    await theatre.sees('it is back, with its queues', (look) => writable(look, 'sz-1') === 2)

    await theatre.act('freeze broker sh-1')
    await theatre.sees('it is silent, and up', ({ silent, players }) => {
      return silent.includes('sh-1') && players.length === 9
    })
    await theatre.act('thaw broker sh-1')
    await theatre.sees('it answers', ({ silent }) => silent.length === 0)

    await theatre.act('slow responders of sz by 150 ms for 300 ms')
    const isSlow = ({ by, ms }: Call): boolean => by.startsWith('sz') && ms >= 150
    await theatre.sees('calls are slow', ({ calls }) => calls.some(isSlow))
    await theatre.sees('and quick again', ({ calls }) => {
      return from(calls, 'sz').length > 5 && !calls.some(isSlow)
    })

    await theatre.act('cut requester sz-1 from brokers of sz')
    await theatre.sees('it is answered elsewhere', ({ calls }) => {
      return from(calls, 'sz').some(({ byIdc }) => byIdc === 'sh')
    })
    await theatre.act('heal', 'load 20', 'kill responder sz-2', 'add 1 responders to sz')
    await theatre.sees('the new one answers', ({ calls }) => calls.some(({ by }) => by === 'sz-3'))
    await theatre.act('remove 1 responders from sz', 'restart responder sz-2')
    const { players } = await theatre.look()
    const responders = players.filter(({ kind, idc }) => kind === 'responder' && idc === 'sz')
    assert.deepEqual(responders.map(({ name }) => name).sort(), ['sz-1', 'sz-2'])

    await theatre.settle()
    const [{ calls }, ledger] = [theatre, stage.ledger()]
    assert.ok(calls.length > 200, `${calls.length} calls`)
    assert.ok(calls.some(({ isBystander }) => isBystander))
    assert.equal(new Set(calls.map(({ id }) => id)).size, calls.length)
    assert.deepEqual(twiceOf(calls, ledger), [])
    assert.deepEqual(misledOf(calls, ledger), [])
    await stage.end()
    assert.deepEqual(readdirSync(tmp), [])
  },
  90_000,
)

story(
  'with registries every way is still the own one of two processes',
  async (world) => {
    const theatre = new Theatre(world, liveStage())
    const { stage } = theatre
    await theatre.start({ registries: 1, idcs: { sz: { responders: 1 }, sh: { responders: 1 } } })
    await theatre.act('kill registry 1', 'part requester sz-1 from broker sz-1')
    await theatre.sees('only that one is answered elsewhere', ({ calls }) => {
      return from(calls, 'sz').some(({ byIdc }) => byIdc === 'sh')
    })
    await theatre.act('restart registry 1')
    await assert.rejects(
      theatre.act('cut responder sz-1 from requester sz-1'),
      /no way between responder sz-1 and requester sz-1/,
    )
    await assert.rejects(theatre.act('remove 2 responders from sz'), /only 1 responders of sz/)
    await theatre.settle()
    assert.deepEqual(misledOf(theatre.calls, stage.ledger()), [])
    await stage.end()
  },
  90_000,
)

story(
  'two stages at once do not know of each other',
  async (world) => {
    const theatres = [liveStage(), liveStage()].map((stage) => new Theatre(world, stage))
    await Promise.all(theatres.map((theatre) => theatre.start({ idcs: { sz: { responders: 1 } } })))
    const [one, other] = theatres as [Theatre, Theatre]
    const pids = hasProc ? childrenOf(process.pid) : []
    await one.act('kill broker sz-1')
    await one.stage.end()
    await other.sees('calls are answered', ({ calls }) => from(calls, 'sz').length > 0)
    await other.settle()
    assert.ok(other.calls.every(isOk), 'the other one felt it')
    await other.stage.end()
    assert.deepEqual(alive(pids), [])
  },
  90_000,
)

story(
  'what ends by itself is told when the stage ends; what cannot start is told at once',
  async (world) => {
    const theatre = new Theatre(world, liveStage())
    const { stage } = theatre
    const empty = new Theatre(world, liveStage())
    const none = { idcs: { sz: { brokers: 0 } } }
    await assert.rejects(empty.start(none), /this drill has no broker/)
    await empty.stage.end()
    if (!hasProc) return
    await theatre.start({ idcs: { sz: { responders: 1 } } })
    process.kill(childPlaying('responder'), 'SIGKILL')
    await theatre.sees('it is noticed', ({ players }) => players.length === 2)
    await assert.rejects(stage.end(), /^Error: responder sz-1 ended by itself \(SIGKILL\)$/)
  },
  90_000,
)
