/** A glyph on the page, and the small mark that stands before every state word. */
import { GLYPH_SIZE, type GlyphNumbers, glyph } from '../state/glyph.ts'
import type { Health, Shape } from '../state/health.ts'

export const GlyphPicture = ({
  numbers,
  health,
  size = GLYPH_SIZE,
}: {
  numbers: GlyphNumbers
  health: Health
  size?: number
}) => {
  const { outline, sick, business } = glyph(numbers)
  const box = `0 0 ${GLYPH_SIZE} ${GLYPH_SIZE}`
  return (
    <svg class={`glyph is-${health}`} viewBox={box} width={size} height={size} aria-hidden="true">
      <path class={`glyph-body shape-${numbers.shape}`} d={outline} />
      {business === '' ? null : <path class="glyph-business" d={business} />}
      {sick === '' ? null : <path class="glyph-sick" d={sick} />}
      <path class={`glyph-line shape-${numbers.shape}`} d={outline} />
    </svg>
  )
}

const MARKS: Readonly<Record<Shape, string>> = {
  circle: 'M6 1.5A4.5 4.5 0 1 1 6 10.5A4.5 4.5 0 1 1 6 1.5Z',
  ring: 'M6 1.5A4.5 4.5 0 1 1 6 10.5A4.5 4.5 0 1 1 6 1.5ZM6 4A2 2 0 1 0 6 8A2 2 0 1 0 6 4Z',
  square: 'M1.5 1.5H10.5V10.5H1.5Z',
  diamond: 'M6 .5L11.5 6L6 11.5L.5 6Z',
  triangle: 'M6 1L11.5 10.5H.5Z',
}

/** A state: shape, word, and only then colour. */
export const StateWord = ({
  word,
  shape,
  health,
}: {
  word: string
  shape: Shape
  health: Health
}) => (
  <span class={`state is-${health}`}>
    <svg viewBox="0 0 12 12" width="10" height="10" aria-hidden="true">
      <path d={MARKS[shape]} />
    </svg>
    {word}
  </span>
)
