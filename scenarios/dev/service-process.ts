/** The accounts service as a child process: started, watched, started again when it dies, drained. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ServiceNews } from '../examples/accounts-service.ts'

const SERVICE = fileURLToPath(new URL('../examples/accounts-service.js', import.meta.url))

/** Longer than its own drain may take. */
const STOP_MS = 8_000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000

export interface ServiceProcessOptions {
  url: string
  journal: string
  /** Tells a person what happened. */
  say: (line: string) => void
}

export class ServiceProcess {
  readonly #options: ServiceProcessOptions
  #child: ChildProcess | undefined
  #isStopping = false
  #failures = 0

  /** Resolves when it answers. Throws when it cannot start; later it is started again and again. */
  static async start(options: ServiceProcessOptions): Promise<ServiceProcess> {
    const service = new ServiceProcess(options)
    await service.#launch()
    return service
  }

  private constructor(options: ServiceProcessOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Lets it finish what it runs; kills it when that takes too long. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const child = this.#child
    if (child === undefined || hasEnded(child)) return
    const ended = once(child, 'exit')
    const killing = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    child.kill('SIGTERM')
    await ended
    clearTimeout(killing)
  }

  async #launch(): Promise<void> {
    const { url, journal } = this.#options
    const child = fork(SERVICE, ['--url', url, '--journal', journal], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child = child
    await untilReady(child)
    this.#failures = 0
    child.once('exit', (code, signal) => void this.#onExit(child, signal ?? `exit code ${code}`))
    // It may have died between its news and here.
    if (hasEnded(child)) throw new Error('it ended right after its start')
  }

  async #onExit(child: ChildProcess, how: string): Promise<void> {
    if (this.#isStopping) return
    const { say } = this.#options
    say(`The accounts service (pid ${child.pid}) died: ${how}. Starting it again.`)
    while (!this.#isStopping) {
      try {
        await this.#launch()
        say(`The accounts service is back, pid ${this.pid}, with the books it had.`)
        return
      } catch (error) {
        if (this.#isStopping) return
        this.#failures += 1
        const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures)
        say(`It did not start: ${(error as Error).message}. Next try in ${pauseMs} ms.`)
        await delay(pauseMs, undefined, { ref: false })
      }
    }
  }
}

const hasEnded = (child: ChildProcess): boolean =>
  child.exitCode !== null || child.signalCode !== null

const untilReady = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`ended with ${signal ?? code}`)))
    child.on('message', (news: ServiceNews) => {
      if (news.kind === 'ready') resolve()
      else reject(new Error(news.why))
    })
  })
