/** The action that is being asked about, if any: one at a time. */
import { signal } from '@preact/signals'
import type { Ask } from './state/asks.ts'

export const asked = signal<Ask | null>(null)
