/** The words of a transcript: those of drills, and some that only a told story needs. */
import { didYouMean } from '../../../bus/suggest.ts'
import { type Act, parseAct, USAGES, WordsError } from '../../drills/words.ts'

/** What the trace can tell. */
export const KINDS = [
  'calls',
  'handlers',
  'queues',
  'routes',
  'links',
  'news',
  'heartbeats',
] as const
export type Kind = (typeof KINDS)[number]

export const TABLES = ['queues', 'links', 'calls'] as const
export type Table = (typeof TABLES)[number]

/** How calls are asked. */
export interface Asking {
  readonly topic: string | undefined
  readonly timeoutMs: number
  /** How long their handlers take; undefined for as long as handlers take just now. */
  readonly handledMs: number | undefined
  readonly isIdempotent: boolean
  readonly waitsForResponder: boolean
}

export type Command =
  | {
      readonly verb: 'idc'
      readonly idc: string
      readonly brokers: number
      readonly responders: number
      readonly requesters: number
    }
  | { readonly verb: 'handlers take'; readonly ms: number }
  | { readonly verb: 'handlers run'; readonly concurrency: number; readonly prefetch: number }
  | { readonly verb: 'queues hold'; readonly maxDepth: number }
  | { readonly verb: 'queues are'; readonly maxQueues: number }
  | { readonly verb: 'stand by' }
  | { readonly verb: 'begin'; readonly isCold: boolean }
  | {
      readonly verb: 'ask'
      readonly requester: string
      readonly bodies: readonly string[]
      readonly how: Asking
    }
  | {
      readonly verb: 'ask many'
      readonly requester: string
      readonly count: number
      readonly everyMs: number
      readonly how: Asking
    }
  | { readonly verb: 'cancel'; readonly requester: string; readonly body: string }
  | { readonly verb: 'wait'; readonly ms: number }
  | { readonly verb: 'wait for'; readonly body: string }
  | { readonly verb: 'hang' | 'release'; readonly responder: string }
  | { readonly verb: 'show'; readonly table: Table }
  | { readonly verb: 'tell'; readonly kinds: readonly Kind[] }
  | { readonly verb: 'act'; readonly act: Act }

interface Word {
  readonly use: string
  readonly form: RegExp
  readonly read: (found: RegExpExecArray) => Command
}

const TIMEOUT_MS = 2_000
const MAX_COUNT = 10_000
/** An hour: no story is that long. */
const MAX_MS = 3_600_000
const TIME = /^(\d+) (ms|s)$/
const BODY = '"[^"]+"'

const WORDS: readonly Word[] = [
  {
    use: 'idc NAME has N brokers, N responders, N requesters',
    form: /^idc (\S+) has (.+)$/,
    read: ([, idc, members]) => ({ verb: 'idc', idc: idc!, ...membersOf(members!) }),
  },
  {
    use: 'handlers take TIME',
    form: /^handlers take (.+)$/,
    read: ([, time]) => ({ verb: 'handlers take', ms: msOf(time!) }),
  },
  {
    use: 'handlers run N at a time, N more in hand',
    form: /^handlers run (\d+) at a time, (\d+) more in hand$/,
    read: ([, concurrency, prefetch]) => ({
      verb: 'handlers run',
      concurrency: countOf(concurrency!),
      prefetch: countOf(prefetch!),
    }),
  },
  {
    use: 'a queue holds N requests',
    form: /^a queue holds (\d+) requests?$/,
    read: ([, depth]) => ({ verb: 'queues hold', maxDepth: countOf(depth!) }),
  },
  {
    use: 'a broker has N queues',
    form: /^a broker has (\d+) queues?$/,
    read: ([, count]) => ({ verb: 'queues are', maxQueues: countOf(count!) }),
  },
  {
    use: 'one responder is active',
    form: /^one responder is active$/,
    read: () => ({ verb: 'stand by' }),
  },
  {
    use: 'begin [cold]',
    form: /^begin( cold)?$/,
    read: ([, cold]) => ({ verb: 'begin', isCold: cold !== undefined }),
  },
  {
    use: 'requester NAME asks N times, once every TIME [HOW, HOW]',
    form: /^requester (\S+) asks (\d+) times, once every (\d+ ms|\d+ s)(?:,? (.+))?$/,
    read: ([, requester, count, every, how]) => ({
      verb: 'ask many',
      requester: requester!,
      count: countOf(count!),
      everyMs: msOf(every!),
      how: askingOf(undefined, how),
    }),
  },
  {
    use: 'requester NAME asks [TOPIC] "BODY", ... [HOW, HOW]; HOW is "within TIME", "handled in TIME", "idempotent" or "waiting for a responder"',
    form: new RegExp(`^requester (\\S+) asks (?:([\\w.-]+) )?(${BODY}(?:, ${BODY})*)(?:,? (.+))?$`),
    read: ([, requester, topic, bodies, how]) => ({
      verb: 'ask',
      requester: requester!,
      bodies: bodies!.split(', ').map((body) => body.slice(1, -1)),
      how: askingOf(topic, how),
    }),
  },
  {
    use: 'requester NAME cancels "BODY"',
    form: new RegExp(`^requester (\\S+) cancels (${BODY})$`),
    read: ([, requester, body]) => ({
      verb: 'cancel',
      requester: requester!,
      body: body!.slice(1, -1),
    }),
  },
  {
    use: 'wait for "BODY"',
    form: new RegExp(`^wait for (${BODY})$`),
    read: ([, body]) => ({ verb: 'wait for', body: body!.slice(1, -1) }),
  },
  {
    use: 'wait TIME',
    form: /^wait (.+)$/,
    read: ([, time]) => ({ verb: 'wait', ms: msOf(time!) }),
  },
  {
    use: 'hang responder NAME',
    form: /^hang responder (\S+)$/,
    read: ([, responder]) => ({ verb: 'hang', responder: responder! }),
  },
  {
    use: 'release responder NAME',
    form: /^release responder (\S+)$/,
    read: ([, responder]) => ({ verb: 'release', responder: responder! }),
  },
  {
    use: `show ${TABLES.join(' | ')}`,
    form: /^show (.+)$/,
    read: ([, table]) => ({ verb: 'show', table: oneOf(table!, TABLES) }),
  },
  {
    use: `tell of ${KINDS.join(', ')} or everything`,
    form: /^tell of (.+)$/,
    read: ([, kinds]) => ({
      verb: 'tell',
      kinds:
        kinds === 'everything'
          ? KINDS
          : kinds!.split(/, | and /).map((kind) => oneOf<Kind>(kind, KINDS)),
    }),
  },
]

/** Reads one command. Throws `WordsError` with what is wrong and what would be right. */
export const readCommand = (line: string): Command => {
  for (const { form, read, use } of WORDS) {
    const found = form.exec(line)
    if (found === null) continue
    try {
      return read(found)
    } catch (error) {
      if (!(error instanceof WordsError)) throw error
      throw new WordsError(`"${line}": ${error.message}. It is written: ${use}`)
    }
  }
  const first = line.split(' ')[0]!
  const own = WORDS.filter(({ use }) => use.startsWith(`${first} `)).map(({ use }) => use)
  if (own.length > 0) throw new WordsError(`"${line}" is written: ${own.join('; or ')}`)
  if (USAGES.some((use) => use.split(' ')[0] === first)) return { verb: 'act', act: parseAct(line) }
  const all = [...WORDS.map(({ use }) => use), ...USAGES].map((use) => use.split(' ')[0]!)
  throw new WordsError(`"${line}": there is no "${first}"${didYouMean(first, [...new Set(all)])}`)
}

const fail = (reason: string): never => {
  throw new WordsError(reason)
}

const msOf = (text: string): number => {
  const found = TIME.exec(text)
  if (found === null) return fail(`"${text}" is no time; write "1500 ms" or "2 s"`)
  const ms = Number(found[1]) * (found[2] === 's' ? 1_000 : 1)
  return ms > MAX_MS ? fail(`"${text}" is longer than an hour`) : ms
}

const countOf = (text: string): number => {
  const count = Number(text)
  return count > MAX_COUNT ? fail(`${text} is more than ${MAX_COUNT}`) : count
}

const oneOf = <T extends string>(text: string, all: readonly T[]): T =>
  all.find((one) => one === text) ?? fail(`there is no "${text}"${didYouMean(text, all)}`)

const membersOf = (text: string) => {
  const counts = { brokers: 0, responders: 0, requesters: 0 }
  for (const part of text.split(', ')) {
    const [, count, what] = /^(\d+) (broker|responder|requester)s?$/.exec(part) ?? []
    if (count === undefined) fail(`"${part}" is no number of members`)
    counts[`${what}s` as keyof typeof counts] = countOf(count!)
  }
  return counts
}

const askingOf = (topic: string | undefined, text = ''): Asking => {
  let how: Asking = {
    topic,
    timeoutMs: TIMEOUT_MS,
    handledMs: undefined,
    isIdempotent: false,
    waitsForResponder: false,
  }
  for (const part of text.split(', ').filter((one) => one !== '')) {
    if (part === 'idempotent') how = { ...how, isIdempotent: true }
    else if (part === 'waiting for a responder') how = { ...how, waitsForResponder: true }
    else if (part.startsWith('within ')) how = { ...how, timeoutMs: msOf(part.slice(7)) }
    else if (part.startsWith('handled in ')) how = { ...how, handledMs: msOf(part.slice(11)) }
    else fail(`"${part}" says nothing of a call`)
  }
  return how
}
