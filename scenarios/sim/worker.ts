/** A process that walks seeds, with a planted bug in it or without. */
import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Order, Played } from './job.ts'
import type { Plan } from './plan.ts'
import type { Walked } from './run.ts'

const fileOf = (name: string): string =>
  fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url))

const YOUNG = '--max-semi-space-size=64'

export class Worker {
  readonly #child: ChildProcess

  constructor(plant?: string) {
    const register = new URL(`./plants/register${extname(import.meta.url)}`, import.meta.url)
    this.#child = fork(fileOf('job'), [], {
      // Worlds are made and thrown away by the thousand: most of them need not be moved.
      execArgv: [YOUNG, ...(plant === undefined ? [] : ['--import', register.href])],
      env: { ...process.env, ...(plant === undefined ? {} : { FINBUS_PLANT: plant }) },
    })
  }

  walk(from: number, count: number, stopAtFailure = false): Promise<Walked> {
    return this.#ask({ do: 'walk', from, count, stopAtFailure })
  }

  shrink(seed: number): Promise<Plan> {
    return this.#ask({ do: 'shrink', seed })
  }

  play(plan: Plan): Promise<Played> {
    return this.#ask({ do: 'play', plan })
  }

  end(): void {
    this.#child.kill()
  }

  /** One order at a time. */
  #ask<T>(order: Order): Promise<T> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null): void =>
        reject(new Error(`the process that walks seeds ended (${signal ?? code})`))
      this.#child.once('exit', onExit)
      this.#child.once('message', (answer) => {
        this.#child.off('exit', onExit)
        resolve(answer as T)
      })
      this.#child.send(order)
    })
  }
}
