/** A terminal that is taken over for a while, and given back as it was, whatever happens. */
import { type Line, rendered } from '../drills/render/terminal.ts'

/** What is drawn on, such as `process.stdout`. */
export interface Screen {
  write(text: string): unknown
  readonly columns?: number
  readonly rows?: number
  on(event: 'resize', listener: () => void): unknown
  off(event: 'resize', listener: () => void): unknown
}

/** Where keys come from, such as `process.stdin`. */
export interface Keyboard {
  setRawMode(isRaw: boolean): unknown
  setEncoding(encoding: 'utf8'): unknown
  resume(): unknown
  pause(): unknown
  on(event: 'data', listener: (typed: string) => void): unknown
  on(event: 'end', listener: () => void): unknown
  off(event: 'data', listener: (typed: string) => void): unknown
  off(event: 'end', listener: () => void): unknown
}

const COLUMNS = 80
const ROWS = 24
/** The other screen, without a cursor; lines that are too long are cut, not wrapped. */
const TAKE = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const GIVE_BACK = '\x1b[?7h\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const REST_OF_LINE = '\x1b[K'
const REST_OF_SCREEN = '\x1b[J'

export class Terminal {
  readonly #screen: Screen
  readonly #keyboard: Keyboard
  readonly #isColoured: boolean
  #onKeys: (typed: string) => void = () => {}
  #onResize = (): void => {}
  #onEnd = (): void => {}
  #isTaken = false

  constructor(screen: Screen, keyboard: Keyboard, isColoured: boolean) {
    this.#screen = screen
    this.#keyboard = keyboard
    this.#isColoured = isColoured
  }

  get columns(): number {
    return Math.max(1, this.#screen.columns ?? COLUMNS)
  }

  get rows(): number {
    return Math.max(1, this.#screen.rows ?? ROWS)
  }

  /** `onEnd`: nothing more will be typed. */
  take(onKeys: (typed: string) => void, onResize: () => void, onEnd: () => void): void {
    this.#onKeys = onKeys
    this.#onResize = onResize
    this.#onEnd = onEnd
    this.#isTaken = true
    this.#screen.write(TAKE)
    this.#screen.on('resize', onResize)
    this.#keyboard.setRawMode(true)
    this.#keyboard.setEncoding('utf8')
    this.#keyboard.on('data', onKeys)
    this.#keyboard.on('end', onEnd)
    this.#keyboard.resume()
  }

  draw(lines: readonly Line[]): void {
    if (!this.#isTaken) return
    const text = lines
      .slice(0, this.rows)
      .map((line) => rendered(line, this.columns, this.#isColoured) + REST_OF_LINE)
      .join('\r\n')
    this.#screen.write(HOME + text + REST_OF_SCREEN)
  }

  /** Works in an exit handler, and as often as one likes. */
  giveBack(): void {
    if (!this.#isTaken) return
    this.#isTaken = false
    this.#screen.off('resize', this.#onResize)
    this.#keyboard.off('data', this.#onKeys)
    this.#keyboard.off('end', this.#onEnd)
    this.#keyboard.setRawMode(false)
    this.#keyboard.pause()
    this.#screen.write(GIVE_BACK)
  }
}
