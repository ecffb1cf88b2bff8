/** Every ready-made drill, in virtual time: the promises of finbus, on the cores themselves. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Drill, readDrill } from '../scenarios/drills/drill.ts'
import { playDrill } from '../scenarios/drills/play.ts'
import { READY, readyDrill } from '../scenarios/drills/ready/index.ts'
import { type DrillReport, figuresOf, isReached } from '../scenarios/drills/report.ts'
import { virtualStage } from '../scenarios/sim/stage.ts'

const setting = { stage: 'virtual', startedAt: '', machine: '', version: '' } as const
const play = (drill: Drill, seed = 1): Promise<DrillReport> =>
  playDrill(drill, virtualStage({ seed }), { setting })

const missed = (report: DrillReport): string[] =>
  figuresOf(report)
    .filter(({ figure }) => !isReached(figure))
    .map(({ step, figure: { name, value, most, note } }) =>
      `${step}: ${name} ${value} > ${most} ${note}`.trim(),
    )

describe('ready-made drills in virtual time', () => {
  for (const drill of READY) {
    test(`${drill.name} keeps its bounds`, async () => {
      const report = await play(drill)
      assert.deepEqual(missed(report), [])
      assert.equal(report.verdict, 'passed')
    })
  }

  test('the same seed gives the same report', async () => {
    const drill = readyDrill('split-brain')
    assert.deepEqual(await play(drill, 7), await play(drill, 7))
    assert.notDeepEqual(await play(drill, 7), await play(drill, 8))
  })
})

/** Drills that ask for what cannot be: each must be missed, by what it says. */
describe('a drill that asks too much is missed', () => {
  const idcs = { sz: { brokers: 1, responders: 2, requesters: 1 } }
  const ask = (lines: string[], bounds: object, load = {}): Drill =>
    readDrill({
      name: 'planted',
      cluster: { idcs },
      load,
      steps: [
        { name: 'calm', forMs: 1_000 },
        { name: 'hurt', do: lines, forMs: 3_000, bounds },
      ],
    })
  const planted: [string, Drill, RegExp][] = [
    [
      'no call may fail when all responders die',
      ask(['kill all responders'], { failed: 0 }),
      /^hurt: failed calls \d+ > 0 .*no_responder/,
    ],
    [
      'nobody may notice that the only broker stands still',
      ask(['freeze broker sz-1'], { recoveryMs: 100 }),
      /^hurt: recovery [\d.]+ > 100/,
    ],
    [
      'slow handlers may not be felt',
      ask(['slow all responders by 300 ms'], { p99Ms: 100 }),
      /^hurt: p99 30\d.* > 100/,
    ],
    [
      'half of the responders may not be missed at their queues',
      ask(['remove 1 responders from sz'], { queues: 0 }),
      /^hurt: queues that take requests 1 > 0/,
    ],
    [
      'answers may not take the way that is cut',
      ask(
        ['cut all responders from all brokers one way'],
        { failedPercent: 0 },
        { timeoutMs: 500 },
      ),
      /^hurt: failed share [\d.]+ > 0/,
    ],
    [
      'there must be calls to judge by',
      ask(['load 0'], { failed: 0 }, { timeoutMs: 100 }),
      /^hurt: stretches without a call 1 > 0/,
    ],
  ]
  for (const [what, drill, says] of planted) {
    test(what, async () => {
      const report = await play(drill)
      assert.equal(report.verdict, 'missed')
      assert.match(missed(report).join('\n'), says)
    })
  }

  test('what is healed is as it was', async () => {
    const lines = [
      ...['slow all responders by 300 ms', 'cut all responders from all brokers'],
      ...['freeze broker sz-1 for 60 s', 'part requester sz-1 from broker sz-1', 'heal'],
    ]
    const drill = ask(lines, { p99Ms: 50 })
    const steps = [
      ...drill.steps,
      { ...drill.steps[0]!, name: 'after', bounds: { p99Ms: 50, failed: 0 } },
    ]
    assert.deepEqual(missed(await play({ ...drill, steps })), [])
  })
})
