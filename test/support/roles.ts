/** Processes of a story: started, asked, stopped, killed. What they do is in `role.ts`. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export type RoleFacts =
  | { role: 'broker'; listen: string }
  | { role: 'responder'; url: string; name?: string; concurrency?: number; standbyAt?: string[] }
  | { role: 'requester'; url: string; topic: string; calls: number }
  | { role: 'fleet'; url: string; name: string; clients: number; topics: number }
  | { role: 'watcher'; url: string; clients: number; topics: number }
  | { role: 'caller'; url: string; topic: string; everyMs: number }

/** What a process of a story can be asked. */
export type Ask =
  | { what: 'ledger' }
  | { what: 'release' }
  | { what: 'snapshot' }
  | { what: 'memory' }
  | { what: 'news' }
  | { what: 'timed' }

export interface Started {
  url: string
}

type Said = { ready: Started } | { id: number; value: unknown } | { fatal: string }

const FILE = fileURLToPath(new URL('./role.js', import.meta.url))

export class Role {
  readonly url: string
  readonly #child: ChildProcess
  readonly #open = new Map<number, (value: unknown) => void>()
  #nextId = 1
  #fatal: string | undefined
  #isKilled = false
  readonly #gone: Promise<void>

  constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
    child.on('message', (said: Said) => {
      if ('fatal' in said) this.#fatal = said.fatal
      else if ('id' in said) {
        this.#open.get(said.id)?.(said.value)
        this.#open.delete(said.id)
      }
    })
    this.#gone = new Promise((resolve) => {
      child.once('exit', () => {
        if (!this.#isKilled) this.#fatal ??= 'the process ended by itself'
        resolve()
      })
    })
  }

  ask<T>(ask: Ask): Promise<T> {
    const id = this.#nextId
    this.#nextId += 1
    return new Promise((resolve) => {
      this.#open.set(id, resolve as (value: unknown) => void)
      this.#child.send({ id, ...ask })
    })
  }

  /** SIGSTOP: alive, sockets open, and nothing moves. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  /** SIGKILL. Fails if the process had already ended by itself, or told of a defect. */
  async kill(): Promise<void> {
    this.#isKilled = true
    this.#child.kill('SIGKILL')
    await this.#gone
    const fatal = this.#fatal
    this.#fatal = undefined
    if (fatal !== undefined) throw new Error(`a process of the story failed: ${fatal}`)
  }
}

export const startRole = (facts: RoleFacts): Promise<Role> =>
  new Promise((resolve, reject) => {
    const child = fork(FILE, [JSON.stringify(facts)], { execArgv: [], serialization: 'advanced' })
    child.once('exit', (code, signal) =>
      reject(new Error(`${facts.role} ended: ${code ?? signal}`)),
    )
    child.once('message', (said: Said) => {
      if ('ready' in said) resolve(new Role(child, said.ready.url))
      else if ('fatal' in said) reject(new Error(said.fatal))
    })
  })
