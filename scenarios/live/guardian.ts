/** The parent's side of `guard.ts`: tells it what would be left behind. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SavedRequest } from './operator.ts'

const DISMISS_MS = 2_000

export class Guard {
  readonly #process: ChildProcess
  readonly #gone: Promise<void>

  constructor() {
    const file = fileURLToPath(new URL(`./guard${extname(import.meta.url)}`, import.meta.url))
    // A group of its own: a signal to the group of this process must not reach it.
    this.#process = spawn(process.execPath, [file], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#gone = new Promise((resolve) => {
      this.#process.once('exit', () => resolve())
      this.#process.once('error', () => resolve())
    })
    this.#process.stdin!.on('error', () => {})
    // It must not keep alive what it is there to outlive.
    this.#process.unref()
    ;(this.#process.stdin as Socket).unref()
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  /** To be killed, should this process end before it is forgotten. */
  watch(pid: number): void {
    this.#tell(`watch ${pid}`)
  }

  forget(pid: number): void {
    this.#tell(`forget ${pid}`)
  }

  /** A directory to be removed at the end, whatever the end is. */
  remove(directory: string): void {
    this.#tell(`remove ${directory}`)
  }

  /** A request to be made at the end, unless it has been made by then. */
  undo(key: string, request: SavedRequest): void {
    this.#tell(`undo ${JSON.stringify({ key, request })}`)
  }

  undone(key: string): void {
    this.#tell(`undone ${key}`)
  }

  /** Everything is over; it does what is left to do, and ends. */
  async dismiss(): Promise<void> {
    this.#process.ref()
    this.#process.stdin!.end()
    const force = setTimeout(() => this.#process.kill('SIGKILL'), DISMISS_MS)
    await this.#gone
    clearTimeout(force)
  }

  #tell(line: string): void {
    if (this.#process.stdin!.writable) this.#process.stdin!.write(`${line}\n`)
  }
}
