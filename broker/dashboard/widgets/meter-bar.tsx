/** Depth against the watermark: a bar, and the line above which a queue is full. */

/** The line stands here, so that more than the watermark can be seen, too. */
const LINE_AT = 0.8

export const MeterBar = ({
  value,
  limit,
  title,
}: {
  value: number
  limit: number
  title: string
}) => {
  const share = limit > 0 ? value / limit : 0
  const level = share >= 1 ? 'sick' : share >= 0.7 ? 'watch' : 'well'
  return (
    <svg class={`meter-bar is-${level}`} viewBox="0 0 100 10" preserveAspectRatio="none" role="img">
      <title>{title}</title>
      <rect class="meter-track" width="100" height="10" />
      <rect class="meter-fill" width={Math.min(100, share * 100 * LINE_AT)} height="10" />
      <rect class="meter-line" x={100 * LINE_AT - 0.6} width="1.2" height="10" />
    </svg>
  )
}
