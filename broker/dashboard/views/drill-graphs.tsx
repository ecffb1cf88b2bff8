/** Success, local share and latency of a recorded drill. */
import { useMemo } from 'preact/hooks'
import type { Recording } from '../state/recording.ts'
import { msText, shareText } from '../state/words.ts'
import { type Curve, Graph } from '../widgets/graph.tsx'

const SHARES: readonly Curve[] = [
  { label: 'success', colour: '--good', scale: 'share', value: shareText },
  { label: 'local', colour: '--forced', scale: 'share', value: shareText },
]
const LATENCY: readonly Curve[] = [
  { label: 'p50', colour: '--well', scale: 'ms', value: msText },
  { label: 'p99', colour: '--watch', scale: 'ms', value: msText },
]

export const DrillGraphs = ({ recording, atMs }: { recording: Recording; atMs: number }) => {
  const { shares, latency, marks } = useMemo(() => {
    const { buckets, acts } = recording
    const seconds = buckets.map((bucket) => bucket.atMs / 1_000)
    return {
      shares: [
        seconds,
        buckets.map(({ made, ok }) => (made > 0 ? ok / made : null)),
        buckets.map(({ ok, local }) => (ok > 0 ? local / ok : null)),
      ],
      latency: [seconds, buckets.map(({ p50 }) => p50), buckets.map(({ p99 }) => p99)],
      marks: acts.map((act) => act.atMs / 1_000),
    }
  }, [recording])
  const cursor = atMs / 1_000
  return (
    <>
      <Graph isRelative height={150} curves={SHARES} data={shares} {...{ marks, cursor }} />
      <Graph isRelative height={150} curves={LATENCY} data={latency} {...{ marks, cursor }} />
    </>
  )
}
