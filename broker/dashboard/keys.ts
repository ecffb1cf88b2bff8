/** The keyboard and the hash: 1 to 6 for the views, `/` for the filter, `?` for help. */
import { filter, isHelpShown, isTryable, place } from './live.ts'
import { hashOf, placeOf, VIEWS, type View } from './state/place.ts'
import { focusFilter } from './widgets/filter-box.tsx'

export const KEYS: readonly (readonly [key: string, text: string])[] = [
  ['1 – 6', 'the views'],
  ['/', 'filter'],
  ['Esc', 'close, clear'],
  ['?', 'these keys'],
]

export const shownViews = (): View[] => VIEWS.filter((view) => view !== 'try' || isTryable.value)

export const go = (view: View, item = ''): void => {
  location.hash = hashOf(view, item)
}

export const followHash = (): void => {
  addEventListener('hashchange', () => {
    const next = placeOf(location.hash)
    if (next.view !== place.value.view) filter.value = ''
    place.value = next
  })
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.matches('input:not([type=range]), textarea, select')

export const followKeys = (): void => {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (document.querySelector('dialog[open]') !== null) return
    if (event.key === 'Escape') {
      if (isTyping(event.target)) (event.target as HTMLElement).blur()
      else if (place.value.item !== '') go(place.value.view)
      filter.value = ''
      return
    }
    if (isTyping(event.target)) return
    const view = shownViews()[Number(event.key) - 1]
    if (view !== undefined) go(view)
    else if (event.key === '/') focusFilter()
    else if (event.key === '?') isHelpShown.value = true
    else return
    event.preventDefault()
  })
}
