/** Reports of drills that were never played: one such as is usual, one of nothing, one that means harm. */
import type { Band, Bucket, DrillReport, Figure, Span } from '../../scenarios/drills/report.ts'

const BUCKET_MS = 100
const LASTS_MS = 14_000
const KILLED_MS = 3_000
const BACK_MS = 7_500
const RATE = 40

/** A wave, so that curves look like curves and are the same every time. */
const wave = (i: number): number => Math.abs(Math.sin(i * 1.7) + Math.sin(i * 0.37)) / 2

const bucketAt = (i: number): Bucket => {
  const atMs = i * BUCKET_MS
  const sinceKill = atMs - KILLED_MS
  const isHit = sinceKill >= 0 && sinceKill < 800
  const isAway = sinceKill >= 0 && atMs < BACK_MS
  const made = RATE + Math.round(wave(i) * 6)
  const unknown = isHit && sinceKill < 200 ? 7 : 0
  const notExecuted = isHit ? Math.max(0, 20 - Math.round(sinceKill / 40)) : 0
  const executed = i === 100 ? 1 : 0
  const ok = made - unknown - notExecuted - executed
  const p50 = 5 + wave(i) + (isAway ? 3 : 0)
  const p99 = isHit ? 900 - sinceKill / 2 : p50 * 2 + wave(i * 3) * 4
  const local = isAway ? 0 : atMs < BACK_MS + 2_000 && atMs >= BACK_MS ? Math.round(ok / 2) : ok
  return { atMs, made, ok, executed, notExecuted, unknown, p50, p99, local }
}

const span = (
  fromMs: number,
  toMs: number,
  owner: string,
  epoch: number,
  state = 'writable',
): Span => ({
  ...{ fromMs, toMs, owner, epoch, state },
})

const bandsOf = (idc: string): Band[] =>
  [1, 2].flatMap((broker) =>
    [0, 1, 2].map((queue): Band => {
      const owner = `${idc}-${queue + 1}`
      const own = { broker: `${idc}-${broker}`, queue }
      if (idc === 'sh') {
        if (queue === 1) {
          const spans = [
            span(0, 9_000, owner, 3),
            span(9_000, 9_500, owner, 3, 'transition'),
            span(9_500, LASTS_MS, 'sh-1', 4),
          ]
          return { ...own, spans }
        }
        return { ...own, spans: [span(0, LASTS_MS, owner, 3)] }
      }
      const spans = [
        span(0, KILLED_MS + 50, owner, 3),
        span(BACK_MS + 500, BACK_MS + 900, owner, 1, 'assigning'),
        span(BACK_MS + 900, LASTS_MS, owner, 2),
      ]
      return { ...own, spans }
    }),
  )

const figure = (
  name: string,
  value: number,
  unit: Figure['unit'],
  most?: number,
  note = '',
): Figure => ({ ...{ name, value, unit, note }, most })

/** An IDC is killed and returns; one bound of a step is missed by 121.5 ms. */
export const usualReport = (): DrillReport => {
  const buckets = Array.from({ length: LASTS_MS / BUCKET_MS }, (_, i) => bucketAt(i))
  const sum = (key: 'made' | 'ok' | 'local' | 'unknown' | 'notExecuted' | 'executed'): number =>
    buckets.reduce((total, bucket) => total + bucket[key], 0)
  const ok = sum('ok')
  const failed = sum('unknown') + sum('notExecuted') + sum('executed')
  const told = (calls: number, p99: number, away: number): Figure[] => [
    ...[figure('calls', calls, 'count'), figure('p99', p99, 'ms')],
    figure('answered in another IDC', away, '%'),
  ]
  return {
    drill: 'idc-failover',
    about:
      'An IDC dies with all its brokers and responders; calls go to the other one, and come home when it is back.',
    stage: 'live',
    startedAt: '2026-03-14T09:26:53.000Z',
    machine: '2 cores, 24 GiB, Linux 6.1, Node 20.19.4',
    version: '0.1.0, commit 0c16459',
    durationMs: LASTS_MS + 40,
    verdict: 'missed',
    bucketMs: BUCKET_MS,
    steps: [
      {
        ...{ name: 'all is well', fromMs: 0, toMs: KILLED_MS },
        figures: [figure('failed calls', 0, 'count', 0), ...told(1_290, 17.31, 0)],
      },
      {
        ...{ name: 'sz is dead', fromMs: KILLED_MS, toMs: BACK_MS },
        figures: [
          figure('recovery', 1_121.5, 'ms', 1_000),
          figure('answered at home', 0, '%', 0),
          figure(
            'failed calls',
            failed - 1,
            'count',
            undefined,
            '14 responder_lost, 88 no_responder',
          ),
          ...told(1_950, 880, 100),
        ],
      },
      {
        ...{ name: 'sz is back', fromMs: BACK_MS, toMs: LASTS_MS },
        figures: [
          figure('failed calls', 1, 'count', 2, '1 handler_failed'),
          ...told(2_710, 21.4, 15.7),
        ],
      },
    ],
    acts: [
      { atMs: KILLED_MS, text: 'kill idc sz', failure: undefined },
      { atMs: 5_000, text: 'freeze broker sh-2 for 500 ms', failure: undefined },
      { atMs: BACK_MS, text: 'restart idc sz', failure: undefined },
      { atMs: BACK_MS + 60, text: 'heal', failure: undefined },
      { atMs: 11_000, text: 'remove 1 responder from sh', failure: undefined },
    ],
    buckets,
    bands: [...bandsOf('sh'), ...bandsOf('sz')],
    figures: [
      figure(
        'failed calls',
        failed,
        'count',
        200,
        '14 responder_lost, 88 no_responder, 1 handler_failed',
      ),
      figure('brokers without a queue', 0, 'count', 0),
      ...[figure('executed twice', 0, 'count', 0), figure('misled', 0, 'count', 0)],
      figure('calls', sum('made'), 'count'),
      figure('failed calls that may have run', sum('unknown'), 'count'),
      ...[figure('recovery', 1_121.5, 'ms'), figure('p99', 812.75, 'ms')],
      figure('answered in another IDC', (100 * (ok - sum('local'))) / ok, '%'),
    ],
    failures: [
      { code: 'no_responder', outcome: 'not_executed', count: sum('notExecuted') },
      { code: 'responder_lost', outcome: 'unknown', count: sum('unknown') },
      { code: 'handler_failed', outcome: 'executed', count: sum('executed') },
    ],
    leftovers: [],
  }
}

/** It was broken off before anything was done. */
export const emptyReport = (): DrillReport => ({
  ...{ drill: 'nothing', about: '', stage: 'virtual', startedAt: '', machine: '', version: '' },
  ...{ durationMs: 0, verdict: 'interrupted', bucketMs: 100 },
  ...{ steps: [], acts: [], buckets: [], bands: [], figures: [], failures: [], leftovers: [] },
})

const HARM = `<script>alert("1")</script>&amp;'\`|*_[x](javascript:1)\u0000\u001B[31m\u202Eevil\uD800\r\n# `
const MUCH = `${HARM}${'<&>"'.repeat(2_500)}`

/** Names that are markup, control characters, ten thousand characters; too much of everything. */
export const hostileReport = (): DrillReport => {
  const usual = usualReport()
  const bad = (i: number): Figure => figure(`${MUCH}${i}`, i, 'ms', 0.5, MUCH)
  return {
    ...usual,
    ...{ drill: MUCH, about: MUCH, startedAt: MUCH, machine: MUCH, version: MUCH },
    steps: Array.from({ length: 50 }, (_, i) => ({
      ...{ name: MUCH, fromMs: i * 280, toMs: (i + 1) * 280 },
      figures: Array.from({ length: 12 }, (_, n) => bad(n)),
    })),
    acts: Array.from({ length: 2_500 }, (_, i) => ({
      atMs: i * 5,
      text: i < 50 ? MUCH : HARM,
      failure: HARM,
    })),
    buckets: Array.from({ length: 1_000 }, (_, i) => ({ ...bucketAt(i % 140), atMs: i * 14 })),
    bucketMs: 14,
    bands: Array.from({ length: 60 }, (_, queue) => ({
      broker: MUCH,
      queue,
      spans: Array.from({ length: 200 }, (_, i) =>
        span(
          i * 70,
          (i + 1) * 70,
          i % 7 === 0 ? '' : `${i % 40}${i === 1 ? MUCH : HARM}`,
          i,
          i % 5 === 0 ? HARM : 'writable',
        ),
      ),
    })),
    figures: Array.from({ length: 20 }, (_, i) => bad(i)),
    failures: Array.from({ length: 300 }, (_, i) => ({ code: MUCH, outcome: MUCH, count: i })),
    leftovers: Array.from({ length: 50 }, () => MUCH),
  }
}
