/** The processes of a benchmark: forking them, asking them, and leaving none behind. */
import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Parts } from './parts.ts'

export interface Order {
  id: number
  verb: string
  arg: unknown
}

export interface Answer {
  id: number
  value?: unknown
  error?: string
}

export type PartName = keyof Parts
type Verbs<P extends PartName> = ReturnType<Parts[P]>
type Verb<P extends PartName> = Extract<keyof Verbs<P>, string>
type Args<F> = F extends (...args: infer A) => unknown ? A : never
type Value<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

/** How long any one order may take: setting up 10,000 clients is the longest. */
const ORDER_MS = 60_000
const STOP_MS = 1_500

/** One forked process, asked by name and answered in any order. */
export class Child<P extends PartName> {
  readonly pid: number
  /** Resolves when the process has ended. */
  readonly gone: Promise<void>
  readonly #part: P
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  constructor(part: P, process: ChildProcess) {
    this.#part = part
    this.#process = process
    this.pid = process.pid!
    this.gone = new Promise((resolve) => process.once('exit', () => resolve()))
    process.on('message', (answer: Answer) => this.#settle(answer))
    process.on('error', (error) => this.#fail(error))
    process.on('exit', (code, signal) =>
      this.#fail(new Error(`the ${part} process ended (${signal ?? code})`)),
    )
  }

  ask<V extends Verb<P>>(verb: V, ...args: Args<Verbs<P>[V]>): Promise<Value<Verbs<P>[V]>> {
    return new Promise((resolve, reject) => {
      if (!this.#process.connected) {
        reject(new Error(`the ${this.#part} process is gone`))
        return
      }
      const id = ++this.#lastId
      const late = new Error(`the ${this.#part} process did not ${verb} within ${ORDER_MS / 1e3} s`)
      const timer = setTimeout(() => this.#settle({ id, error: late.message }), ORDER_MS)
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject, timer })
      this.#process.send({ id, verb, arg: args[0] } satisfies Order, () => {})
    })
  }

  /** Ends the process: politely by closing its channel, soon after by force. */
  async stop(): Promise<void> {
    const child = this.#process
    if (child.exitCode !== null || child.signalCode !== null) return
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      child.once('exit', () => {
        clearTimeout(force)
        resolve()
      })
      if (child.connected) child.disconnect()
    })
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  #settle({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    this.#waiting.delete(id)
    clearTimeout(waiting.timer)
    if (error === undefined) waiting.resolve(value)
    else waiting.reject(new Error(error))
  }

  #fail(error: Error): void {
    for (const id of [...this.#waiting.keys()]) this.#settle({ id, error: error.message })
  }
}

interface Member {
  stop(): Promise<void>
  kill(): void
}

/** All processes that are up. Whatever happens, `stop` leaves none. */
export class Crew {
  readonly #children = new Set<Member>()
  #interrupted = false

  get interrupted(): boolean {
    return this.#interrupted
  }

  fork<P extends PartName>(part: P, execArgv: string[] = []): Child<P> {
    if (this.#interrupted) throw new Error('interrupted')
    // The same file name whether this runs from sources or compiled.
    const file = fileURLToPath(new URL(`./role${extname(import.meta.url)}`, import.meta.url))
    const child = new Child(part, fork(file, [part], { execArgv }))
    this.#children.add(child)
    return child
  }

  /** Those that are up now. */
  members(): ReadonlySet<Member> {
    return new Set(this.#children)
  }

  /** Stops all, or all but some that are needed longer. */
  async stop(except: ReadonlySet<Member> = new Set()): Promise<void> {
    const leaving = [...this.#children].filter((child) => !except.has(child))
    await Promise.all(leaving.map((child) => child.stop()))
    for (const child of leaving) this.#children.delete(child)
  }

  /** Ends everything at once; what was being asked fails. */
  interrupt(): void {
    this.#interrupted = true
    for (const child of this.#children) child.kill()
  }
}
