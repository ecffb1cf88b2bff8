/** One life of one process of ours: where it listens, what it says, and how it ended. */
import { type ChildProcess, fork } from 'node:child_process'
import type { Readable } from 'node:stream'
import { Failure, messageOf } from './failure.ts'
import { retold } from './log.ts'

/** A process that is not ready by then will not be. */
const READY_MS = 15_000
/** Longest line taken in one piece. */
const MAX_LINE = 65_536
const KEPT_LINES = 5
const KEPT_LINE = 500

export interface Program {
  file: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
}

/** What `--json` prints on stdout: one line when it is ready, or one when it cannot be. */
interface Said {
  url?: string
  error?: { message?: string }
}

export class Life {
  readonly pid: number | undefined
  /** Where it listens; a Failure that says why it never did, once it is gone. */
  readonly ready: Promise<string>
  /** How it ended, in words, after all it had to say. */
  readonly ended: Promise<string>
  /** The end of what it wrote on stderr. */
  readonly lastLines: string[] = []
  readonly #child: ChildProcess | undefined
  #readyAt: number | undefined
  #why: string | undefined

  constructor(program: Program, onLine: (line: string) => void) {
    try {
      this.#child = launch(program)
    } catch (error) {
      this.#why = messageOf(error)
    }
    this.pid = this.#child?.pid
    this.ended = this.#child === undefined ? Promise.resolve(this.#why ?? '') : endOf(this.#child)
    this.ready = this.#untilReady(this.#child?.stdout)
    // Not everybody waits for it.
    this.ready.catch(() => {})
    readLines(this.#child?.stderr, (line) => {
      this.lastLines.push(retold(line).slice(0, KEPT_LINE))
      if (this.lastLines.length > KEPT_LINES) this.lastLines.shift()
      onLine(line)
    })
  }

  /** How long it has been ready. */
  get readyForMs(): number {
    return this.#readyAt === undefined ? 0 : performance.now() - this.#readyAt
  }

  /** Does nothing to a process that has ended. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#child?.kill(signal)
  }

  #untilReady(stdout: Readable | null | undefined): Promise<string> {
    return new Promise((resolve, reject) => {
      const overdue = setTimeout(() => {
        this.#why = `it was not ready after ${READY_MS / 1_000} s`
        this.signal('SIGKILL')
      }, READY_MS)
      readLines(stdout, (line) => {
        const said = parsed(line)
        this.#why ??= said.error?.message
        if (said.url === undefined || this.#readyAt !== undefined) return
        clearTimeout(overdue)
        this.#readyAt = performance.now()
        resolve(said.url)
      })
      this.ended.then((how) => {
        clearTimeout(overdue)
        reject(new Failure(this.#why ?? this.lastLines.at(-1)?.replace(/^error: /, '') ?? how))
      })
    })
  }
}

const launch = ({ file, args, env }: Program): ChildProcess =>
  fork(file, args, {
    env,
    // A process group of its own: the terminal's Ctrl-C is for the parent, which tells the others.
    detached: true,
    // By the channel it notices that its parent is gone, however that ended.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })

const endOf = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
    child.on('error', (error) => {
      // What could not be started has no end to wait for; other errors are no end.
      if (child.pid === undefined) resolve(error.message)
    })
  })

const parsed = (line: string): Said => {
  try {
    return (JSON.parse(line) ?? {}) as Said
  } catch {
    return {}
  }
}

const readLines = (stream: Readable | null | undefined, onLine: (line: string) => void): void => {
  let rest = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE) {
      lines.push(rest)
      rest = ''
    }
    for (const line of lines) onLine(line)
  })
  stream?.on('end', () => {
    if (rest !== '') onLine(rest)
  })
}
