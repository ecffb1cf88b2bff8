/**
 * The words of drills, transcripts and schedules: what is done to a cluster, one act a line.
 *
 *     kill idc sz
 *     freeze broker sz-1 for 1500 ms
 *     cut responder sz-1 from broker sz-1 one way for 2 s
 *     slow responders of sz by 800 ms
 */
import { didYouMean } from '../../bus/index.ts'
import { parseTarget, type Target, targetText } from './targets.ts'

/** What is done to processes. With `forMs` it is undone after so long. */
export type Deed = 'kill' | 'freeze' | 'stop' | 'restart' | 'thaw'
/** What operators of a cluster do; nobody is hurt by it. */
export type SteerVerb = 'isolate' | 'restore' | 'drain' | 'resume'
/** What is done to the ways between them: swallow all, break once, break and refuse, make slow. */
export type Harm = 'cut' | 'reset' | 'part' | 'delay'

export type Act =
  | { readonly verb: Deed; readonly target: Target; readonly forMs?: number }
  | {
      readonly verb: Harm
      readonly target: Target
      readonly from: Target
      /** Only what `target` sends to `from` is hurt. */
      readonly isOneWay?: boolean
      /** Of `delay`: so much longer each way. */
      readonly byMs?: number
      readonly forMs?: number
    }
  /** Nobody sends there any more, or does again; a broker takes no new work, or does again. */
  | {
      readonly verb: SteerVerb
      readonly target: { readonly kind: 'idc' | 'broker'; readonly name: string }
      readonly forMs?: number
    }
  /** Handlers take so much longer. */
  | {
      readonly verb: 'slow'
      readonly target: Target
      readonly byMs: number
      readonly forMs?: number
    }
  /** All ways are as they were, nobody is frozen or slow. What is dead stays dead. */
  | { readonly verb: 'heal' }
  /** Responders more, or fewer: these stop in good order. */
  | { readonly verb: 'add' | 'remove'; readonly count: number; readonly idc: string }
  /** Calls per second of each requester from now on. */
  | { readonly verb: 'load'; readonly rate: number }

export type SteerAct = Extract<Act, { verb: SteerVerb }>

const STEERED: Readonly<Record<SteerVerb, 'idc' | 'broker'>> = {
  ...{ isolate: 'idc', restore: 'idc', drain: 'broker', resume: 'broker' },
}

/** Where such an act can be done. */
export const STEERED_THERE = '--attach URL --admin URL'

/** It is asked of the cluster, not done to processes. */
export const isSteer = (act: Act): act is SteerAct => Object.hasOwn(STEERED, act.verb)

const USE: Record<Act['verb'], string> = {
  kill: 'kill TARGET [for TIME]',
  freeze: 'freeze TARGET [for TIME]',
  stop: 'stop TARGET',
  restart: 'restart TARGET',
  thaw: 'thaw TARGET',
  cut: 'cut TARGET from TARGET [one way] [for TIME]',
  reset: 'reset TARGET from TARGET',
  part: 'part TARGET from TARGET [for TIME]',
  delay: 'delay TARGET from TARGET by TIME [one way] [for TIME]',
  isolate: 'isolate idc NAME [for TIME]',
  restore: 'restore idc NAME',
  drain: 'drain broker NAME [for TIME]',
  resume: 'resume broker NAME',
  slow: 'slow TARGET by TIME [for TIME]',
  heal: 'heal',
  add: 'add COUNT responders to IDC',
  remove: 'remove COUNT responders from IDC',
  load: 'load RATE',
}

/** Every act there is, as it is written. */
export const USAGES: readonly string[] = Object.values(USE)

/** A line that is no act, with what would be one. */
export class WordsError extends Error {
  override readonly name = 'WordsError'
}

const TIME = /^(\d+(?:\.\d+)?) (ms|s)$/
const UNIT_MS = { ms: 1, s: 1_000 }
/** An hour: no drill is that long. */
const MAX_MS = 3_600_000
const MAX_COUNT = 100
const MAX_RATE = 20_000

/** Reads one act. Throws `WordsError` with what is wrong and what would be right. */
export function parseAct(line: string): Act {
  const words = line.trim().replaceAll(/\s+/g, ' ')
  const verb = words.split(' ')[0] ?? ''
  if (!Object.hasOwn(USE, verb)) {
    throw new WordsError(
      `"${line}" is no act: there is no "${verb}"${didYouMean(verb, Object.keys(USE))}`,
    )
  }
  return new Line(words, verb as Act['verb']).act()
}

/** The act as it is written. */
export function actText(act: Act): string {
  switch (act.verb) {
    case 'heal':
      return 'heal'
    case 'load':
      return `load ${act.rate}`
    case 'add':
      return `add ${act.count} responders to ${act.idc}`
    case 'remove':
      return `remove ${act.count} responders from ${act.idc}`
  }
  const parts: string[] = [act.verb, targetText(act.target)]
  if ('from' in act) parts.push('from', targetText(act.from))
  if ('byMs' in act && act.byMs !== undefined) parts.push(`by ${timeText(act.byMs)}`)
  if ('isOneWay' in act && act.isOneWay === true) parts.push('one way')
  if (act.forMs !== undefined) parts.push(`for ${timeText(act.forMs)}`)
  return parts.join(' ')
}

const timeText = (ms: number): string =>
  ms >= 1_000 && ms % 1_000 === 0 ? `${ms / 1_000} s` : `${ms} ms`

/** One line on its way to an act: what it ends with is taken off piece by piece. */
class Line {
  readonly #whole: string
  readonly #verb: Act['verb']
  #rest: string

  constructor(words: string, verb: Act['verb']) {
    this.#whole = words
    this.#verb = verb
    this.#rest = words.slice(verb.length).trim()
  }

  act(): Act {
    const verb = this.#verb
    switch (verb) {
      case 'heal':
        if (this.#rest !== '') this.#fail('nothing follows "heal"')
        return { verb }
      case 'load':
        return { verb, rate: this.#number(this.#rest, 0, MAX_RATE) }
      case 'add':
        return this.#scale(verb, 'to')
      case 'remove':
        return this.#scale(verb, 'from')
      case 'slow': {
        const forMs = this.#time('for')
        const byMs = this.#time('by') ?? this.#fail('it does not say "by" how much')
        return { verb, target: this.#target(this.#rest), byMs, ...spell(forMs) }
      }
      case 'cut':
      case 'reset':
      case 'part':
      case 'delay':
        return this.#harm(verb)
      case 'kill':
      case 'freeze': {
        const forMs = this.#time('for')
        return { verb, target: this.#target(this.#rest), ...spell(forMs) }
      }
      case 'stop':
      case 'restart':
      case 'thaw':
        return { verb, target: this.#target(this.#rest) }
      case 'isolate':
      case 'drain': {
        const forMs = this.#time('for')
        return { verb, target: this.#steered(verb), ...spell(forMs) }
      }
      case 'restore':
      case 'resume':
        return { verb, target: this.#steered(verb) }
    }
  }

  #harm(verb: Harm): Act {
    const forMs = verb === 'reset' ? undefined : this.#time('for')
    const isOneWay = verb === 'cut' || verb === 'delay' ? this.#ending(' one way') : false
    const byMs = verb === 'delay' ? this.#time('by') : undefined
    if (verb === 'delay' && byMs === undefined) this.#fail('it does not say "by" how much')
    const sides = this.#rest.split(' from ')
    if (sides.length !== 2) this.#fail('it does not say what "from" what')
    const [target, from] = [this.#target(sides[0]!), this.#target(sides[1]!)]
    return {
      ...{ verb, target, from },
      ...(isOneWay ? { isOneWay } : {}),
      ...(byMs === undefined ? {} : { byMs }),
      ...spell(forMs),
    }
  }

  #scale(verb: 'add' | 'remove', word: 'to' | 'from'): Act {
    const found = /^(\S+) responders? (to|from) (\S+)$/.exec(this.#rest)
    if (found === null || found[2] !== word) return this.#fail('it is put otherwise')
    return { verb, count: this.#number(found[1]!, 1, MAX_COUNT), idc: found[3]! }
  }

  /** Takes ` WORD TIME` off the end, if it is there. */
  #time(word: 'for' | 'by'): number | undefined {
    const at = this.#rest.lastIndexOf(` ${word} `)
    if (at < 0) return undefined
    const text = this.#rest.slice(at + word.length + 2)
    const found = TIME.exec(text)
    if (found === null) this.#fail(`"${text}" is no time; write "1500 ms" or "2 s"`)
    this.#rest = this.#rest.slice(0, at)
    const ms = Number(found[1]) * UNIT_MS[found[2] as 'ms' | 's']
    return ms > MAX_MS ? this.#fail(`"${text}" is longer than an hour`) : ms
  }

  #ending(text: string): boolean {
    if (!this.#rest.endsWith(text)) return false
    this.#rest = this.#rest.slice(0, -text.length)
    return true
  }

  #number(text: string, least: number, most: number): number {
    const value = Number(text)
    if (text !== '' && Number.isInteger(value) && value >= least && value <= most) return value
    return this.#fail(`"${text}" is no whole number from ${least} to ${most}`)
  }

  #target(text: string): Target {
    const target = parseTarget(text)
    return typeof target === 'string' ? this.#fail(target) : target
  }

  #steered(verb: SteerVerb): SteerAct['target'] {
    const target = this.#target(this.#rest)
    const kind = STEERED[verb]
    if (target.kind === kind && 'name' in target) return { kind, name: target.name }
    return this.#fail(`"${this.#rest}" is no ${kind}`)
  }

  #fail(reason: string): never {
    throw new WordsError(`"${this.#whole}": ${reason}. It is written: ${USE[this.#verb]}`)
  }
}

const spell = (forMs: number | undefined): { forMs?: number } =>
  forMs === undefined ? {} : { forMs }
