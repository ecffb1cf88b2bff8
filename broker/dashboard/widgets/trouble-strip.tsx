/** What is sick, by name, in the largest letters of the page; one calm line if nothing is. */
import { useState } from 'preact/hooks'
import { contact, picture } from '../live.ts'
import type { Shape } from '../state/health.ts'
import type { Trouble } from '../state/trouble.ts'
import { StateWord } from './glyph-picture.tsx'

const MOST_SHOWN = 4
const SHAPES: Readonly<Record<Trouble['level'], Shape>> = {
  sick: 'square',
  watch: 'triangle',
  unknown: 'ring',
}
const WORDS: Readonly<Record<Trouble['level'], string>> = {
  sick: 'sick',
  watch: 'note',
  unknown: 'silent',
}

export const TroubleStrip = () => {
  const [isOpen, setOpen] = useState(false)
  const now = picture.value
  if (now === null || contact.value.state === 'locked') return null
  const { troubles, tiles } = now
  if (troubles.length === 0) {
    const watched = tiles.filter(({ health }) => health === 'watch').length
    return (
      <p class="all-well">
        <StateWord word="Nothing is sick." shape="circle" health="well" />
        {watched > 0 ? ` ${watched} worth a look.` : ''}
      </p>
    )
  }
  const shown = isOpen ? troubles : troubles.slice(0, MOST_SHOWN)
  return (
    <section class="troubles" aria-label="Trouble" aria-live="polite">
      {shown.map(({ key, level, what, why, to }) => (
        <a key={key} href={to} class={`trouble is-${level}`}>
          <StateWord word={WORDS[level]} shape={SHAPES[level]} health={level} />
          <strong>{what}</strong>
          <span>{why}</span>
        </a>
      ))}
      {troubles.length > MOST_SHOWN ? (
        <button type="button" class="quiet" onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'fewer' : `${troubles.length - MOST_SHOWN} more`}
        </button>
      ) : null}
    </section>
  )
}
