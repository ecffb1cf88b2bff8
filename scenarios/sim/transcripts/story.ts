import assert from 'node:assert/strict'
import { WordsError } from '../../drills/words.ts'
import type { VirtualCall } from '../world/calls.ts'
import type { Execution } from '../world/handlers.ts'
import { Cast, type ClientPart } from './cast.ts'
import { Deeds } from './deeds.ts'
import type { Asking, Command } from './script.ts'
import { type Asked, runsOf, sumOf, tableOf } from './tables.ts'
import { Teller } from './teller.ts'

/** A call that is waited for has its deadline by then. */
const LONGEST_WAIT_MS = 60_000

/** Brokers are warm by then, and who stands by knows it. */
const SETTLED_MS = 3_000
/** The first calls are over, and nobody has been silent for so long that it matters. */
const WARM_MS = 100
const FIRST_CALL: Asking = {
  topic: undefined,
  timeoutMs: SETTLED_MS,
  handledMs: undefined,
  isIdempotent: false,
  waitsForResponder: false,
}

type CommandOf<V extends Command['verb']> = Extract<Command, { verb: V }>

/** One story while it is told: commands in, the trace of what they led to out. */
export class Story {
  readonly #cast = new Cast((by, execution) => this.#handle(by, execution))
  readonly #teller = new Teller(this.#cast)
  readonly #deeds = new Deeds(this.#cast, (text) => this.#teller.say('news', '', text))
  readonly #idcs: CommandOf<'idc'>[] = []
  /** Calls that are told of, by body, and those of which there are many. */
  readonly #asked = new Map<string, Asked>()
  readonly #many: Asked[] = []
  readonly #handledMs = new Map<string, number>()
  #hasBegun = false

  /** What came of a command, line by line. Throws `WordsError` when it cannot be done. */
  do(command: Command): string[] {
    if (this.#hasBegun) this.#go(command)
    else this.#prepare(command)
    return this.#teller.take()
  }

  /**
   * The story is over. Whatever it was about: every call was told once and the truth, nothing that may
   * not run twice did, and all that was taken has been given back.
   */
  end(): void {
    this.#teller.tellOf([])
    this.#deeds.do({ verb: 'heal' })
    this.#cast.world.assertQuiet()
    for (const asked of [...this.#asked.values(), ...this.#many]) this.#check(asked)
  }

  #check(asked: Asked): void {
    const { call } = asked
    const runs = runsOf(this.#cast, asked).length
    const what = `"${call.body}", ${call.end}, ran ${runs} times`
    assert.equal(call.settlements.length, 1, `"${call.body}" is settled once`)
    if (call.ask.idempotent !== true) assert.ok(runs <= 1, what)
    const outcome = call.error?.outcome ?? 'executed'
    if (outcome === 'executed') assert.ok(runs > 0, what)
    if (outcome === 'not_executed') assert.equal(runs, 0, what)
  }

  /** Before anybody is there. */
  #prepare(command: Command): void {
    const { setting } = this.#cast
    switch (command.verb) {
      case 'idc':
        this.#idcs.push(command)
        return
      case 'handlers take':
        setting.handlerMs = command.ms
        return
      case 'handlers run':
        setting.lane.concurrency = command.concurrency
        setting.lane.prefetch = command.prefetch
        return
      case 'queues hold':
        setting.limits = { maxDepth: command.maxDepth }
        return
      case 'queues are':
        setting.lane.maxQueues = command.maxQueues
        return
      case 'stand by':
        setting.lane.isStandby = true
        return
      case 'tell':
        this.#teller.tellOf(command.kinds)
        return
      case 'begin':
        this.#begin(command)
        return
      default:
        throw new WordsError('it comes after "begin"')
    }
  }

  /** Everybody is linked and, unless it begins cold, every requester has asked once. */
  #begin({ isCold }: CommandOf<'begin'>): void {
    const cast = this.#cast
    for (const { idc, brokers } of this.#idcs) cast.addBrokers(idc, brokers)
    for (const { idc, responders } of this.#idcs) cast.addClients('responder', idc, responders)
    for (const { idc, requesters } of this.#idcs) cast.addClients('requester', idc, requesters)
    this.#hasBegun = true
    this.#teller.run(SETTLED_MS)
    if (!isCold) {
      const warm = cast.clients.filter(({ kind }) => kind === 'requester')
      for (const by of warm) {
        this.#many.push({ by, call: this.#call(by, `first of ${by.name}`, FIRST_CALL) })
      }
      this.#runUntil(() => this.#many.every(({ call }) => call.isSettled))
      this.#teller.run(WARM_MS)
    }
    this.#teller.begin()
  }

  #go(command: Command): void {
    switch (command.verb) {
      case 'handlers take':
        this.#cast.setting.handlerMs = command.ms
        return
      case 'ask':
        this.#ask(command)
        return
      case 'ask many':
        this.#askMany(command)
        return
      case 'cancel':
        this.#cancel(command)
        return
      case 'wait':
        this.#teller.run(command.ms)
        return
      case 'wait for':
        this.#waitFor(command.body)
        return
      case 'hang':
        this.#cast.find('responder', command.responder).mood.isHung = true
        return
      case 'release':
        this.#cast.release(this.#cast.find('responder', command.responder))
        return
      case 'show':
        this.#show(command)
        return
      case 'tell':
        this.#teller.tellOf(command.kinds)
        return
      case 'act':
        this.#deeds.do(command.act)
        return
      default:
        throw new WordsError('it comes before "begin"')
    }
  }

  #ask({ requester, bodies, how }: CommandOf<'ask'>): void {
    const by = this.#cast.find('requester', requester)
    for (const body of bodies) {
      if (this.#asked.has(body)) throw new WordsError(`"${body}" was asked before`)
      const call = this.#call(by, body, how)
      this.#asked.set(body, { by, call })
      this.#teller.asked(by, call)
    }
  }

  /** Calls that are told of in one sentence, when all of them are over. */
  #askMany({ requester, count, everyMs, how }: CommandOf<'ask many'>): void {
    const by = this.#cast.find('requester', requester)
    const many: Asked[] = []
    for (let i = 0; i < count; i++) {
      many.push({ by, call: this.#call(by, `${this.#many.length + i}`, how) })
      this.#teller.run(everyMs)
    }
    this.#many.push(...many)
    this.#runUntil(() => many.every(({ call }) => call.isSettled))
    this.#teller.put(sumOf(this.#cast, this.#teller.names, many))
  }

  #call(by: ClientPart, body: string, how: Asking): VirtualCall {
    if (!by.node.isAlive) throw new WordsError(`requester ${by.name} is dead`)
    if (how.handledMs !== undefined) this.#handledMs.set(body, how.handledMs)
    return by.node.call({
      body,
      timeoutMs: how.timeoutMs,
      idempotent: how.isIdempotent,
      waitForResponder: how.waitsForResponder,
      ...(how.topic === undefined ? {} : { topic: how.topic }),
    })
  }

  #cancel({ requester, body }: CommandOf<'cancel'>): void {
    const { by, call } = this.#find(body)
    if (by.name !== requester) throw new WordsError(`"${body}" was asked by requester ${by.name}`)
    by.node.cancel(call)
  }

  #waitFor(body: string): void {
    const { call } = this.#find(body)
    this.#runUntil(() => call.isSettled)
  }

  #runUntil(isSo: () => boolean): void {
    for (let ms = 0; !isSo(); ms++) {
      if (ms > LONGEST_WAIT_MS) throw new WordsError(`it has not come after ${ms} ms`)
      this.#teller.run(1)
    }
  }

  #find(body: string): Asked {
    const found = this.#asked.get(body)
    if (found === undefined) throw new WordsError(`"${body}" was not asked`)
    return found
  }

  #show({ table }: CommandOf<'show'>): void {
    const { names } = this.#teller
    for (const line of tableOf(table, this.#cast, names, this.#asked.values())) {
      this.#teller.put(line)
    }
  }

  #handle(by: ClientPart, execution: Execution): void {
    const { body } = execution
    const asked = this.#asked.get(body)
    if (asked !== undefined) this.#teller.started(by, body, runsOf(this.#cast, asked).at(-1)!)
    const { mood } = by
    if (mood.isHung) {
      mood.held.push(execution)
      return
    }
    const ms = this.#handledMs.get(body) ?? this.#cast.setting.handlerMs
    execution.reply(ms + mood.slowMs, `re:${body}`)
  }
}
