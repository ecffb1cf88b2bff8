/** How a drill is played and judged, on a stage where everything goes as it is written. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { BoundName, Bounds, DrillText } from '../scenarios/drills/drill.ts'
import { readDrill } from '../scenarios/drills/drill.ts'
import { playDrill } from '../scenarios/drills/play.ts'
import type { ProgressEvent } from '../scenarios/drills/progress-event.ts'
import { type DrillReport, figuresOf, isReached } from '../scenarios/drills/report.ts'
import { BROKER, call, lost, queue, ScriptedStage } from './support/scripted-stage.ts'

const setting = { stage: 'virtual', startedAt: '', machine: 'none', version: '1' } as const

interface Plot {
  do?: string[]
  bounds?: Bounds
  whole?: Bounds
  prepare?: (stage: ScriptedStage) => void
}

const textOf = ({
  do: lines = ['kill responder sz-1'],
  bounds = {},
  whole = {},
}: Plot): DrillText => ({
  name: 'scripted',
  cluster: { idcs: { sz: {} } },
  steps: [
    { name: 'calm', forMs: 1_000 },
    { name: 'hurt', do: lines, forMs: 1_000, bounds },
    { name: 'after', forMs: 1_000 },
  ],
  bounds: whole,
})

/** Plays three seconds, the second of which does harm. */
const play = async (plot: Plot, events: ProgressEvent[] = [], signal?: AbortSignal) => {
  const stage = new ScriptedStage()
  stage.calls = [call('a', 10), call('b', 1_010), call('c', 2_010)]
  plot.prepare?.(stage)
  const drill = readDrill(textOf(plot))
  const onEvent = (event: ProgressEvent): number => events.push(event)
  const report = await playDrill(drill, stage, { setting, onEvent, signal })
  return { stage, report }
}

const figure = (report: DrillReport, step: string, name: string): number | undefined =>
  figuresOf(report).find((one) => one.step === step && one.figure.name === name)?.figure.value

const missed = (report: DrillReport): string[] =>
  figuresOf(report)
    .filter((one) => !isReached(one.figure))
    .map(({ step, figure: { name, value, most } }) => `${step}|${name} ${value} > ${most}`)

describe('a drill that is played', () => {
  test('does its acts when their step begins, looks four times a second, and ends its stage', async () => {
    const events: ProgressEvent[] = []
    const { stage, report } = await play({}, events)
    assert.deepEqual(stage.done, ['1000 kill responder sz-1'])
    assert.equal(report.verdict, 'passed')
    assert.equal(stage.ends, 1)
    assert.deepEqual(report.acts, [
      { atMs: 1_000, text: 'kill responder sz-1', failure: undefined },
    ])
    const kinds = events.map(({ kind }) => kind)
    assert.deepEqual(
      kinds.filter((kind) => kind !== 'tick').join(' '),
      ['starting step stepped step act stepped step stepped settling done'].join(' '),
    )
    assert.equal(kinds.filter((kind) => kind === 'tick').length, 3)
    const steps = report.steps.map(({ fromMs, toMs }) => [fromMs, toMs])
    assert.deepEqual(steps, [
      [0, 1_000],
      [1_000, 2_000],
      [2_000, 3_000],
    ])
  })

  test('holds what it measured against each bound, and says by how much', async () => {
    const calls = [
      ...[call('a', 10), lost('b', 1_300), call('c', 1_600, { ms: 300, byIdc: 'sh', by: 'sh-1' })],
      lost('d', 1_700, { code: 'expired', outcome: 'not_executed' }),
    ]
    const cases: [BoundName, number, number][] = [
      ['failed', 1, 2],
      ['failedPercent', 66, 66.67],
      ['answeredPercent', 33, 33.33],
      ['unknown', 0, 1],
      ['recoveryMs', 699, 700],
      ['p99Ms', 299, 300],
      ['awayPercent', 99, 100],
    ]
    for (const [name, tooLittle, value] of cases) {
      const prepare = (stage: ScriptedStage): void => {
        stage.calls = calls
      }
      const [strict, fair] = await Promise.all([
        play({ bounds: { [name]: tooLittle }, prepare }),
        play({ bounds: { [name]: value }, prepare }),
      ])
      assert.equal(strict.report.verdict, 'missed', name)
      assert.match(missed(strict.report).join(), new RegExp(`^hurt\\|.* ${value} > ${tooLittle}$`))
      assert.equal(fair.report.verdict, 'passed', `${name}: ${missed(fair.report)}`)
    }
  })

  test('counts a call where it was made, or where harm was done while it was open', async () => {
    const prepare = (stage: ScriptedStage): void => {
      stage.calls = [
        ...[call('a', 10), lost('b', 990, { ms: 200 }), lost('c', 1_990, { ms: 200 })],
        ...[call('d', 1_500), call('e', 2_500)],
      ]
    }
    const { report } = await play({ prepare })
    const failed = ['calm', 'hurt', 'after'].map((step) => figure(report, step, 'failed calls'))
    assert.deepEqual(failed, [0, 2, 0])
    const healed = await play({ do: ['heal'], prepare })
    const ofHealed = ['calm', 'hurt'].map((step) => figure(healed.report, step, 'failed calls'))
    assert.deepEqual(ofHealed, [1, 1], 'who heals has not hurt')
  })

  test('is missed when a call ran twice that was not to, or somebody was misled', async () => {
    const twice = await play({
      prepare: (stage) => {
        stage.books = new Map([
          ['a', 2],
          ['b', 1],
          ['c', 1],
        ])
      },
    })
    assert.deepEqual(missed(twice.report), ['|executed twice 1 > 0'])
    const idempotent = await play({
      prepare: (stage) => {
        stage.calls = [call('a', 10, { isIdempotent: true }), call('b', 1_010)]
        stage.books = new Map([
          ['a', 2],
          ['b', 1],
        ])
      },
    })
    assert.deepEqual(missed(idempotent.report), [])
    const misled = await play({
      prepare: (stage) => {
        const told = { code: 'expired', outcome: 'not_executed' } as const
        stage.calls.push(lost('said not', 1_100, told), lost('nobody knows', 1_200))
        stage.books = new Map([
          ['b', 1],
          ['c', 1],
          ['said not', 1],
          ['nobody knows', 1],
        ])
      },
    })
    assert.deepEqual(missed(misled.report), ['|misled 2 > 0'])
    const note = misled.report.figures.find(({ name }) => name === 'misled')?.note
    assert.equal(
      note,
      'a (told executed, and no handler ever began), said not (told not_executed, and a handler had begun)',
    )
  })

  test('of which nobody was there to see anything proves nothing', async () => {
    const prepare = (stage: ScriptedStage): void => {
      stage.calls = [call('a', 10)]
    }
    const silent = await play({ bounds: { failed: 0 }, prepare })
    assert.deepEqual(missed(silent.report), ['hurt|stretches without a call 1 > 0'])
    const unbound = await play({ prepare })
    assert.deepEqual(missed(unbound.report), [])
    const unanswered = await play({
      bounds: { homePercent: 0 },
      prepare: (stage) => {
        stage.calls = [call('a', 10), lost('b', 1_100)]
      },
    })
    assert.deepEqual(missed(unanswered.report), ['hurt|answered at home 100 > 0'])
  })

  test('tells calls of bystanders apart', async () => {
    const prepare = (stage: ScriptedStage): void => {
      stage.calls.push(lost('x', 1_100, { isBystander: true }))
    }
    const { report } = await play({ bounds: { failed: 0 }, prepare })
    assert.equal(report.verdict, 'passed')
    assert.equal(figure(report, '', 'failed calls of bystanders'), 1)
  })

  test('folds its calls into buckets, with nothing left out', async () => {
    const { report } = await play({
      prepare: (stage) => {
        stage.calls = Array.from({ length: 300 }, (_, i) =>
          i % 3 === 0 ? lost(`${i}`, i * 10) : call(`${i}`, i * 10, { ms: i / 10 }),
        )
        stage.books = new Map(stage.calls.map(({ id }) => [id, 1]))
      },
    })
    const sum = (of: (bucket: DrillReport['buckets'][number]) => number): number =>
      report.buckets.reduce((total, bucket) => total + of(bucket), 0)
    assert.deepEqual([sum((b) => b.made), sum((b) => b.ok), sum((b) => b.unknown)], [300, 200, 100])
    assert.deepEqual(report.failures, [{ code: 'responder_lost', outcome: 'unknown', count: 100 }])
    assert.ok(report.buckets.every(({ atMs }, i) => atMs === i * report.bucketMs))
  })
})

describe('who owned what', () => {
  test('a band has a span for each owner and state, and gaps where nobody knew', async () => {
    const { report } = await play({
      do: ['freeze broker sz-1'],
      whole: { moves: 1 },
      prepare: (stage) => {
        stage.queues = () => {
          if (stage.ms > 1_000 && stage.ms <= 2_000) return []
          return [stage.ms <= 1_000 ? queue() : queue({ owner: 'sz-2', epoch: 2 })]
        }
        stage.silent = () => (stage.queues().length === 0 ? ['sz-1'] : [])
      },
    })
    const [band] = report.bands
    const spans = band?.spans.map(({ owner, fromMs }) => `${owner} from ${fromMs}`)
    assert.deepEqual(spans, ['sz-1 from 250', 'sz-2 from 2250'])
    assert.equal(figure(report, '', 'queues moved'), 1)
    assert.equal(report.verdict, 'passed')
  })

  test('a queue of the next life of its broker has not moved', async () => {
    const { report } = await play({
      whole: { moves: 0 },
      prepare: (stage) => {
        const isDown = (): boolean => stage.ms > 1_000 && stage.ms <= 1_500
        stage.players = () => (isDown() ? [] : [BROKER])
        stage.queues = () => {
          if (isDown()) return []
          return [stage.ms <= 1_000 ? queue() : queue({ owner: 'sz-2', epoch: 5 })]
        }
      },
    })
    assert.deepEqual(missed(report), [])
  })

  test('a broker without a queue that takes requests is told by name', async () => {
    const { report } = await play({
      whole: { ownerless: 0, queues: 0 },
      prepare: (stage) => {
        stage.queues = () => [queue({ state: 'closing' })]
      },
    })
    const [ownerless] = report.figures
    assert.deepEqual([ownerless?.value, ownerless?.note], [1, 'sz-1'])
    assert.deepEqual(missed(report), ['|brokers without a queue 1 > 0'])
  })
})

describe('a drill that goes wrong', () => {
  test('stops at an act that cannot be done, and says which and why', async () => {
    const { stage, report } = await play({
      do: ['kill responder sz-1', 'heal', 'thaw broker sz-1'],
      prepare: (scripted) => {
        scripted.onAct = ({ verb }) => {
          if (verb === 'heal') throw new Error('no way')
        }
      },
    })
    assert.deepEqual(stage.done, ['1000 kill responder sz-1', '1000 heal'])
    assert.deepEqual([report.verdict, report.steps.length, stage.ends], ['missed', 2, 1])
    const failed = report.figures.find(({ name }) => name === 'acts that failed')
    assert.equal(failed?.note, 'heal: no way')
  })

  test('is missed when something is left over', async () => {
    const { report } = await play({
      prepare: (stage) => {
        stage.onEnd = () => Promise.reject(new Error('process 7 lives'))
      },
    })
    assert.deepEqual([report.verdict, report.leftovers], ['missed', ['process 7 lives']])
  })

  test('that is broken off ends everything, and claims nothing about what ran', async () => {
    const stop = new AbortController()
    const { stage, report } = await play(
      {
        bounds: { failed: 0 },
        prepare: (scripted) => {
          scripted.onAct = () => {
            stop.abort()
            return new Promise(() => {})
          }
        },
      },
      [],
      stop.signal,
    )
    assert.deepEqual([report.verdict, stage.ends], ['interrupted', 1])
    assert.equal(figure(report, '', 'executed twice'), undefined)
  })

  test('that cannot start says so, and ends what it has begun', async () => {
    const stage = new ScriptedStage()
    stage.onStart = () => Promise.reject(new Error('no port'))
    await assert.rejects(playDrill(readDrill(textOf({})), stage, { setting }), /no port/)
    assert.equal(stage.ends, 1)
  })

  test('of more calls than can be kept account of is refused before it starts', async () => {
    const text = textOf({})
    const load = { rate: 20_000 }
    const steps = [{ name: 'long', forMs: 3_600_000 }]
    const stage = new ScriptedStage()
    const drill = readDrill({ ...text, load, steps })
    await assert.rejects(playDrill(drill, stage, { setting }), /makes 72,000,000 calls.*2,000,000/)
    assert.equal(stage.ends, 0)
  })
})
