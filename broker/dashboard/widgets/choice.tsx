/** One of a few, side by side. */

export const Choice = <T extends string>({
  label,
  value,
  of,
  onChoose,
}: {
  label: string
  value: T
  of: readonly (readonly [value: T, text: string])[]
  onChoose: (value: T) => void
}) => (
  <fieldset class="choice">
    <legend class="unseen">{label}</legend>
    {of.map(([one, text]) => (
      <button key={one} type="button" aria-pressed={one === value} onClick={() => onChoose(one)}>
        {text}
      </button>
    ))}
  </fieldset>
)
