import type { Loop } from '../bus/io/loop.ts'
import type { Runtime } from '../bus/io/runtime.ts'
import type { CloseReport } from './api.ts'
import type { ClientCore } from './core/client-core.ts'
import type { Registration } from './core/registration.ts'

interface Waiter {
  isDone: () => boolean
  resolve: () => void
}

/** Closing with a proof: what finished, what was handed back, what had to be given up. */
export class Drain {
  readonly #core: ClientCore
  readonly #loop: Loop
  readonly #runtime: Runtime
  readonly #waiters = new Set<Waiter>()

  constructor(core: ClientCore, loop: Loop, runtime: Runtime) {
    this.#core = core
    this.#loop = loop
    this.#runtime = runtime
  }

  /** To be told whenever a handler or a call has ended. */
  onProgress(): void {
    if (this.#waiters.size === 0) return
    for (const waiter of this.#waiters) if (waiter.isDone()) waiter.resolve()
  }

  /** Stops answering these topics. */
  async registrations(list: readonly Registration[], timeoutMs: number): Promise<CloseReport> {
    const before = running(list)
    let handedBack = 0
    this.#loop.post((now) => {
      for (const registration of list) {
        // In this order: what goes back makes room, into which a broker would send more.
        this.#core.registrations.close(now, registration)
        handedBack += this.#core.responder.handBack(now, registration)
      }
    }, undefined)
    await this.#until(() => list.every(({ state }) => state === 'closed'), timeoutMs)
    let abandoned = 0
    this.#loop.post(() => {
      for (const registration of list) abandoned += this.#giveUp(registration)
    }, undefined)
    return { finished: before - abandoned, handedBack, abandoned }
  }

  /** Ends the whole client: first what it answers, then what it asked; `lastWords` before the goodbye. */
  async all(timeoutMs: number, lastWords: (now: number) => void): Promise<CloseReport> {
    const endsAt = this.#runtime.now() + timeoutMs
    const { requester, registrations, answers, state } = this.#core
    state.phase = 'draining'
    const calls = requester.inFlight
    const report = await this.registrations([...registrations.all], timeoutMs)
    const isDone = (): boolean => requester.inFlight === 0 && answers.owed === 0
    await this.#until(isDone, Math.max(0, endsAt - this.#runtime.now()))
    const abandoned = requester.inFlight
    this.#loop.post((now) => {
      requester.abandon(now)
      lastWords(now)
      this.#core.shut(now)
    }, undefined)
    return {
      finished: report.finished + Math.max(0, calls - abandoned),
      handedBack: report.handedBack,
      abandoned: report.abandoned + abandoned,
    }
  }

  #giveUp(registration: Registration): number {
    if (registration.state === 'closed') return 0
    const count = this.#core.responder.abandon(registration)
    this.#core.registrations.forget(registration)
    return count
  }

  #until(isDone: () => boolean, timeoutMs: number): Promise<void> {
    if (isDone()) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        this.#runtime.clearTimer(timer)
        this.#waiters.delete(waiter)
        resolve()
      }
      const waiter: Waiter = { isDone, resolve: end }
      const timer = this.#runtime.setTimer(end, timeoutMs)
      this.#waiters.add(waiter)
    })
  }
}

const running = (list: readonly Registration[]): number => {
  let count = 0
  for (const registration of list) count += registration.running
  return count
}
