/** Shows on a terminal how a drill goes; elsewhere it says so line by line. */
import type { OnProgress, ProgressEvent, Tick } from '../progress-event.ts'
import { joined, linesOf, Picture } from './progress-lines.ts'
import { type Line, rendered } from './terminal.ts'

/** What is written to, such as `process.stderr`. */
export interface Screen {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

interface Settings {
  /** `NO_COLOR` and `TERM` are heeded. */
  readonly env?: Environment
}

type Environment = Readonly<Record<string, string | undefined>>

/** Where nothing is drawn anew, what it is like is told this often. */
const SAID_MS = 5_000
const COLUMNS = 80
const ROWS = 24
/** A line of a file has no width; this only keeps it a line. */
const MOST_COLUMNS = 1_000
/** The cursor goes up, and all below it is cleared. */
const back = (lines: number): string => (lines === 0 ? '' : `\x1b[${lines}A\x1b[J`)

/** For one drill; `tell` is for `playDrill`. */
export const openProgress = (screen: Screen, settings: Settings = {}): Progress =>
  new Progress(screen, settings)

/** Draws only when it is told something: there is no timer to be stopped. */
class Progress {
  readonly #screen: Screen
  readonly #isLive: boolean
  readonly #isColoured: boolean
  readonly #picture = new Picture()
  #drawn = 0
  #saidAt = 0
  /** Seconds that nothing has been said of yet. */
  #unsaid: Tick | undefined

  constructor(screen: Screen, { env = process.env }: Settings) {
    this.#screen = screen
    this.#isLive = screen.isTTY === true && env.TERM !== 'dumb'
    this.#isColoured = isColoured(screen, env)
  }

  /** To be handed to `playDrill`. */
  readonly tell: OnProgress = (event) => {
    this.#picture.take(event)
    if (this.#isLive) this.#redraw(event)
    else this.#say(event)
  }

  /** Wipes the picture of now; what was said stays. */
  end(): void {
    const text = back(this.#drawn)
    this.#drawn = 0
    if (text !== '') this.#screen.write(text)
  }

  #redraw(event: ProgressEvent): void {
    const columns = Math.max(1, this.#screen.columns ?? COLUMNS)
    // With the line that the cursor stands in; higher than the screen it could not be taken back.
    const rows = Math.max(1, (this.#screen.rows ?? ROWS) - 1)
    const said = event.kind === 'tick' ? [] : linesOf(event)
    const now = event.kind === 'done' ? [] : this.#picture.lines(columns, rows)
    const before = back(this.#drawn)
    this.#drawn = now.length
    const text = `${before}${this.#text([...said, ...now], columns)}`
    if (text !== '') this.#screen.write(text)
  }

  #say(event: ProgressEvent): void {
    let said = event
    if (event.kind === 'tick') {
      this.#unsaid = joined(this.#unsaid, event)
      if (event.atMs - this.#saidAt < SAID_MS) return
      said = this.#unsaid
      this.#unsaid = undefined
      this.#saidAt = event.atMs
    }
    const text = this.#text(linesOf(said), MOST_COLUMNS)
    if (text !== '') this.#screen.write(text)
  }

  #text(lines: readonly Line[], columns: number): string {
    return lines.map((line) => `${rendered(line, columns, this.#isColoured)}\n`).join('')
  }
}

/** As https://no-color.org has it: any value that is not empty says no. */
const isColoured = (screen: Screen, env: Environment): boolean =>
  screen.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'
