/** What the page knows now: signals that every view reads and only the feed writes. */
import { computed, signal } from '@preact/signals'
import type { TimelineEntry } from '../admin/api.ts'
import { type PagePlace, placeOf } from './state/place.ts'
import { type Picture, Store } from './state/store.ts'

export interface Contact {
  state: 'first' | 'up' | 'lost' | 'locked'
  /** By this computer's clock; since when it is lost. */
  since: number
  why: string
  /** Of `locked`: a token was sent, and is not known. */
  isRefused?: boolean
}

export const store = new Store()
export const picture = signal<Picture | null>(null)
export const contact = signal<Contact>({ state: 'first', since: 0, why: '' })
export const entries = signal<readonly TimelineEntry[]>([])
/** Whether events arrive; without them the page is a second late, and no more. */
export const isStreaming = signal(false)
export const place = signal<PagePlace>(placeOf(location.hash))
export const filter = signal('')
/** False once the admin API said that it makes no requests. */
export const isTryable = computed(() => picture.value?.snapshot.canTry ?? true)
export const isHelpShown = signal(false)
/** A token was refused, or there was none. */
export const isLocked = computed(() => contact.value.state === 'locked')
/** Ticks while nothing else does, so that ages grow on a page that hears nothing. */
export const second = signal(Date.now())
