/** The text that rows must hold; `/` comes here from everywhere. */
import { filter } from '../live.ts'

const FILTER_ID = 'filter'

export const FilterBox = ({ hint }: { hint: string }) => (
  <input
    id={FILTER_ID}
    class="filter"
    type="search"
    placeholder={`${hint}  ( / )`}
    aria-label={hint}
    spellcheck={false}
    autocomplete="off"
    value={filter.value}
    onInput={({ currentTarget }) => {
      filter.value = currentTarget.value
    }}
  />
)

export const focusFilter = (): void => {
  const box = document.getElementById(FILTER_ID)
  if (box instanceof HTMLInputElement) box.select()
}

/** Every word of the filter must be found somewhere. */
export const passes = (...texts: string[]): boolean => {
  const wanted = filter.value.trim().toLowerCase()
  if (wanted === '') return true
  const all = texts.join(' ').toLowerCase()
  return wanted.split(/\s+/).every((word) => all.includes(word))
}
