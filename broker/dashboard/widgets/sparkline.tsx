/** Two minutes in a line: the rate, and under it the share that failed. */
import { spark } from '../state/spark.ts'
import { TRAIL_MS, type TrailPoint } from '../state/trail.ts'

export const Sparkline = ({
  points,
  width = 96,
  height = 26,
}: {
  points: readonly TrailPoint[]
  width?: number
  height?: number
}) => {
  const size = { width, height, spanMs: TRAIL_MS }
  const rate = spark(
    points.map(({ at, rate: value }) => ({ at, value })),
    size,
  )
  const sick = spark(
    points.map(({ at, sickShare }) => ({ at, value: sickShare })),
    { ...size, most: 1 },
  )
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      aria-hidden="true"
    >
      <path class="spark-area" d={rate.area} />
      <path class="spark-sick" d={sick.area} />
      <path class="spark-line" d={rate.line} />
    </svg>
  )
}
