/** Tells the admin API how a drill goes, so that a dashboard shows it as it happens. Never holds it up. */
import { z } from 'zod'
import type { OnProgress, ProgressEvent } from '../drills/progress-event.ts'
import type { AdminClient } from './admin-client.ts'
import { messageOf, printable } from './failure.ts'

interface Mark {
  phase: string
  text: string
}

/** Marks that wait to be posted; beyond that the oldest are left out. */
const MOST_WAITING = 100
const MAX_TEXT = 300
/** What the last ones may take once the drill is over. */
const LAST_MS = 3_000

export class DrillMarks {
  readonly #drill: string
  readonly #admin: AdminClient
  readonly #onTrouble: (text: string) => void
  readonly #waiting: Mark[] = []
  #posting: Promise<void> | undefined
  #phase = 'start'
  #isTroubled = false
  #isOver = false

  constructor(drill: string, admin: AdminClient, onTrouble: (text: string) => void) {
    this.#drill = drill
    this.#admin = admin
    this.#onTrouble = onTrouble
  }

  /** To be handed to `playDrill`. */
  readonly tell: OnProgress = (event) => {
    const text = textOf(event)
    if (text === undefined) return
    if (event.kind === 'step') this.#phase = event.name
    if (event.kind === 'settling') this.#phase = 'settling'
    if (event.kind === 'done') this.#end(text)
    else this.#mark({ phase: this.#phase, text })
  }

  /** Resolves when the last mark has been posted, or time is up. */
  async end(): Promise<void> {
    // A drill that could not be played has no report, and is over all the same.
    this.#end('broken off')
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_MS)
    })
    await Promise.race([this.#posting, late])
    clearTimeout(timer)
  }

  #end(text: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#mark({ phase: 'end', text })
  }

  #mark({ phase, text }: Mark): void {
    if (this.#waiting.length >= MOST_WAITING) this.#waiting.shift()
    this.#waiting.push({ phase, text: text.slice(0, MAX_TEXT) })
    this.#posting ??= this.#post().finally(() => {
      this.#posting = undefined
    })
  }

  /** One after the other: they are a story. */
  async #post(): Promise<void> {
    for (let mark = this.#waiting.shift(); mark !== undefined; mark = this.#waiting.shift()) {
      const body = { drill: this.#drill, ...mark }
      try {
        await this.#admin.act({ method: 'POST', path: '/v1/marks', body }, z.unknown())
      } catch (error) {
        if (!this.#isTroubled) {
          this.#onTrouble(`the dashboard does not see this drill: ${printable(messageOf(error))}`)
        }
        this.#isTroubled = true
      }
    }
  }
}

/** What is worth a mark. */
const textOf = (event: ProgressEvent): string | undefined => {
  switch (event.kind) {
    case 'starting':
      return event.drill.about === '' ? 'it starts' : `it starts: ${event.drill.about}`
    case 'step':
      return `step ${event.number} of ${event.of}: ${event.name}, ${event.forMs / 1_000} s`
    case 'act':
      return `${event.act.text}${event.act.failure === undefined ? '' : ` failed: ${event.act.failure}`}`
    case 'settling':
      return 'no more calls are made; those that are open settle'
    case 'done':
      return event.report.verdict
    default:
      return undefined
  }
}
