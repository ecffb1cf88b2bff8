import type { Log } from '../../bus/log.ts'

/** Lines kept; of a longer history the first ones are dropped. */
const MAX_LINES = 10_000
/** So wide that instants and most names stand under each other. */
const TIME_WIDTH = 9
const NAME_WIDTH = 12

/** What happened in the world, a line each: what was done to it, calls, handlers, and all advisories. */
export class History {
  readonly #lines: string[] = []
  readonly #age: () => number
  /** What must not happen: errors that a client or a broker caught in itself. */
  readonly defects: unknown[] = []

  constructor(age: () => number) {
    this.#age = age
  }

  get lines(): readonly string[] {
    return this.#lines
  }

  tell(who: string, what: string): void {
    const at = `${this.#age()} ms`.padStart(TIME_WIDTH)
    this.#lines.push(`${at}  ${who.padEnd(NAME_WIDTH)}  ${what}`)
    if (this.#lines.length > MAX_LINES) this.#lines.shift()
  }

  /** Writes what a client or a broker logs here, and to the logger it was given. */
  logOf(who: string, given: Log | undefined): Log {
    const note =
      (level: 'debug' | 'info' | 'warn') =>
      (fields: object, message: string): void => {
        this.tell(who, textOf(fields, message))
        given?.[level](fields, message)
      }
    return {
      debug: note('debug'),
      info: note('info'),
      warn: note('warn'),
      error: (fields, message) => {
        this.tell(who, message)
        this.defects.push((fields as { error?: unknown }).error ?? message)
        given?.error(fields, message)
      },
    }
  }
}

const textOf = (fields: object, message: string): string => {
  const told = Object.entries(fields)
    .filter(([name]) => name !== 'kind')
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return [message, ...told].join(' ')
}
