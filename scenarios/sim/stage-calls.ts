/** Those who call in a drill in virtual time: at a steady pace, whatever becomes of earlier calls. */
import { Prng } from '../../bus/prng.ts'
import type { Load } from '../drills/drill.ts'
import type { Call } from '../drills/stage.ts'
import type { ClientMember } from './stage-cast.ts'
import type { VirtualCall } from './world/calls.ts'
import type { ClientNode } from './world/client-node.ts'
import { TOPIC } from './world/client-node.ts'
import type { World } from './world/world.ts'

/** After a stall no more than this is made up for at once. */
const MAX_DUE = 10_000

interface Caller {
  readonly idc: string
  readonly isBystander: boolean
  /** Who it is just now; undefined while it is dead. */
  readonly node: () => ClientNode | undefined
  /** Calls that are due; the part of one is what has been waited for it. */
  due: number
  made: number
}

interface Open {
  readonly caller: Caller
  readonly node: ClientNode
  readonly call: VirtualCall
  readonly isIdempotent: boolean
  readonly attemptsLeft: number
}

export class Calls {
  readonly #world: World
  readonly #load: Load
  readonly #idcOf: (responder: string) => string
  readonly #prng: Prng
  readonly #callers: Caller[] = []
  readonly #bystanders: Caller[] = []
  readonly #open = new Set<Open>()
  readonly #ids: string[] = []
  #settled: Call[] = []
  #rate: number
  #isOn = false

  constructor(world: World, load: Load, seed: number, idcOf: (responder: string) => string) {
    this.#world = world
    this.#load = load
    this.#idcOf = idcOf
    this.#prng = new Prng(seed)
    this.#rate = load.rate
  }

  add(member: ClientMember): void {
    this.#callers.push(this.#caller(member.idc, false, () => member.node))
  }

  addBystander(idc: string, node: ClientNode): void {
    this.#bystanders.push(this.#caller(idc, true, () => node))
  }

  begin(): void {
    this.#isOn = true
    this.#tick()
    for (const one of this.#bystanders) this.#world.after(one.due * 1_000, () => this.#pass(one))
  }

  setRate(rate: number): void {
    this.#rate = rate
  }

  end(): void {
    this.#isOn = false
  }

  /** Calls of the living that have not settled. */
  get open(): number {
    for (const open of this.#open) if (!open.node.isAlive) this.#open.delete(open)
    return this.#open.size
  }

  /** What has settled since the last time it was asked. */
  taken(): Call[] {
    const settled = this.#settled
    this.#settled = []
    return settled
  }

  /** How often the handlers of each call were begun, by the world's own account. */
  ledger(): Map<string, number> {
    return new Map(this.#ids.map((id) => [id, this.#world.ledger.of(id).length]))
  }

  #caller(idc: string, isBystander: boolean, node: Caller['node']): Caller {
    return { idc, isBystander, node, due: this.#prng.below(1_000) / 1_000, made: 0 }
  }

  /** Bystanders are many, and call once a second. */
  #pass(caller: Caller): void {
    if (!this.#isOn) return
    this.#make(caller, caller.node()!)
    this.#world.after(1_000, () => this.#pass(caller))
  }

  #tick(): void {
    if (!this.#isOn) return
    for (const caller of this.#callers) {
      const node = caller.node()
      if (node === undefined || !node.isAlive) {
        caller.due = 0
        continue
      }
      caller.due = Math.min(MAX_DUE, caller.due + this.#rate / 1_000)
      if (node.isFrozen) continue
      for (; caller.due >= 1; caller.due -= 1) this.#make(caller, node)
    }
    this.#world.after(1, () => this.#tick())
  }

  #make(caller: Caller, node: ClientNode): void {
    const isIdempotent = caller.made % 10 < this.#load.idempotentOfTen
    caller.made += 1
    this.#call(caller, node, isIdempotent, this.#load.retries)
  }

  #call(caller: Caller, node: ClientNode, isIdempotent: boolean, attemptsLeft: number): void {
    const { timeoutMs } = this.#load
    const call = node.call({ topic: TOPIC, timeoutMs, idempotent: isIdempotent })
    const open: Open = { caller, node, call, isIdempotent, attemptsLeft }
    this.#ids.push(node.idOf(call))
    this.#open.add(open)
    if (call.isSettled) this.#settle(open)
    else call.onSettled = () => this.#settle(open)
  }

  #settle(open: Open): void {
    const { caller, node, call, isIdempotent, attemptsLeft } = open
    this.#open.delete(open)
    const { error } = call
    const by = call.reply ?? ''
    this.#settled.push({
      ...{ id: node.idOf(call), at: call.startedAt, ms: call.tookMs },
      ...{ code: error?.code ?? 'ok', outcome: error?.outcome ?? 'executed' },
      ...{ idc: caller.idc, byIdc: by === '' ? '' : this.#idcOf(by), by },
      ...{ isIdempotent, isBystander: caller.isBystander },
    })
    if (error?.retryable !== true || attemptsLeft === 0 || !this.#isOn) return
    // It settles within a step of the client, which must end first.
    this.#world.after(0, () => {
      if (node.isAlive && !node.isFrozen) {
        this.#call(caller, node, isIdempotent, attemptsLeft - 1)
      }
    })
  }
}
