/** How long something is to last. */

const DURATIONS: readonly (readonly [ms: number, text: string])[] = [
  [10_000, '10 seconds'],
  [30_000, '30 seconds'],
  [60_000, '1 minute'],
  [300_000, '5 minutes'],
  [600_000, '10 minutes'],
  [3_600_000, '1 hour'],
  [28_800_000, '8 hours'],
  [86_400_000, '24 hours'],
]

export const DurationChoice = ({
  id,
  value,
  onChoose,
}: {
  id: string
  value: number
  onChoose: (ms: number) => void
}) => (
  <select
    id={id}
    value={String(value)}
    onChange={({ currentTarget }) => onChoose(Number(currentTarget.value))}
  >
    {DURATIONS.map(([ms, text]) => (
      <option key={ms} value={String(ms)}>
        {text}
      </option>
    ))}
  </select>
)
