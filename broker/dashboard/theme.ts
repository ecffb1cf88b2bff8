/** Dark or light: as the system has it, or as the reader chose. */
import { signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'

const KEPT = 'finbus-theme'
const kept = localStorage.getItem(KEPT)
export const theme = signal<Theme>(kept === 'light' || kept === 'dark' ? kept : 'system')

/** What is painted on canvas hears of it by this event. */
const tell = (): void => {
  document.dispatchEvent(new Event('finbus-theme'))
}

export const followTheme = (): void => {
  theme.subscribe((chosen) => {
    if (chosen === 'system') {
      localStorage.removeItem(KEPT)
      delete document.documentElement.dataset.theme
    } else {
      localStorage.setItem(KEPT, chosen)
      document.documentElement.dataset.theme = chosen
    }
    tell()
  })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', tell)
}

const NEXT: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' }
export const nextTheme = (): void => {
  theme.value = NEXT[theme.value]
}
