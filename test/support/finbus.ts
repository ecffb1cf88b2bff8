/** The command line as a process: what it printed, and how it ended. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { until, type World } from './world.ts'

const MAIN = fileURLToPath(new URL('../../scenarios/cli/main.js', import.meta.url))

export interface Ended {
  code: number | null
  out: string
  err: string
}

export class Finbus {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  out = ''
  err = ''
  #isOver = false

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('FINBUS_'))
    this.child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text
    })
    this.ended = once(this.child, 'close').then(([code]) => {
      this.#isOver = true
      return { code: code as number | null, out: this.out, err: this.err }
    })
  }

  /** Waits until it has printed such a text. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null = null
    const isSaid = (): boolean => {
      found = pattern.exec(`${this.out}\n${this.err}`)
      assert.ok(found !== null || !this.#isOver, `ended without ${pattern}: ${this.out}${this.err}`)
      return found !== null
    }
    await until(`it says ${pattern}`, isSaid, 15_000)
    return found!
  }
}

/** Ends with the story at the latest. */
export const finbusIn = (
  world: World,
  args: readonly string[],
  env?: Record<string, string>,
): Finbus => {
  const finbus = new Finbus(args, env)
  world.later(async () => {
    finbus.child.kill('SIGKILL')
    await finbus.ended
  })
  return finbus
}
