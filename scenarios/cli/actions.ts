/**
 * What operators can do, as one table: how it is typed, and what the admin API is asked for. The bounds
 * are those of the API, told before it is asked.
 */
import type { Order } from './admin-client.ts'
import type { Kind } from './admin-names.ts'
import { type DurationBounds, durationOf } from './duration.ts'
import { UsageError } from './failure.ts'

/** What was typed: of an argument or option that names something, what it stands for. */
export type Words = Readonly<Record<string, string | true | undefined>>

export interface ActionOption {
  /** As commander has it, such as `--for <time>`. */
  flags: string
  help: string
  /** Its name among the words. */
  key: string
  isRequired?: true
  choices?: readonly string[]
  /** It names something, which is looked for. */
  kind?: Kind
}

export interface Action {
  name: string
  summary: string
  description: string
  /** Its arguments in order; `key` is the word's name. */
  args: readonly { key: string; kind: Kind; help: string }[]
  options: readonly ActionOption[]
  /** Throws a UsageError when the words do not make sense. */
  order(words: Words): Order
}

const A_DAY: DurationBounds = { leastMs: 1, mostMs: 86_400_000 }
const MAX_REASON = 500

/** Every action says why. */
export const REASON: ActionOption = {
  ...{ flags: '--reason <text>', key: 'reason', isRequired: true },
  help: `why; it stands in the audit, 1 to ${MAX_REASON} characters`,
}
const REPLACE: ActionOption = {
  ...{ flags: '--replace', key: 'replace' },
  help: "overrule another operator's word that is in force",
}
const lasts = (help: string): ActionOption => ({ flags: '--for <time>', key: 'for', help })
const OF_TOPIC: ActionOption = {
  ...{ flags: '--topic <topic>', key: 'topic', kind: 'topic' },
  help: 'this topic only (default: every topic)',
}
const AT_BROKER: ActionOption = {
  ...{ flags: '--broker <id>', key: 'broker', kind: 'broker' },
  help: 'at this broker only (default: at all)',
}

const TOPIC = { key: 'topic', kind: 'topic', help: 'words joined by dots' } as const
const INSTANCE = {
  key: 'instance',
  kind: 'instance',
  help: 'its id, or its name if only one has it',
} as const
const IDC = { key: 'idc', kind: 'idc', help: 'a data centre' } as const
const BROKER = { key: 'broker', kind: 'broker', help: 'the id of a broker' } as const

export const ACTIONS: readonly Action[] = [
  {
    name: 'force',
    summary: "overrule a topic's circuits, or the isolation of its queues",
    description:
      'Overrules the circuits of a topic at all requesters, or at one; with --what queues the isolation of ' +
      'its queues. open: calls fail at once, or the queues are left alone; closed: they go through, whatever ' +
      'was measured; probe: one call may try; auto: what is measured decides again.',
    args: [TOPIC],
    options: [
      {
        ...{ flags: '--to <state>', key: 'to', isRequired: true },
        ...{ choices: ['open', 'closed', 'probe', 'auto'], help: 'what is to hold' },
      },
      {
        ...{ flags: '--what <what>', key: 'what', choices: ['circuit', 'queues'] },
        help: 'what is overruled (default: circuit)',
      },
      lasts('how long it is in force (default: 60s)'),
      {
        ...{ flags: '--instance <id>', key: 'instance', kind: 'instance' },
        help: 'of circuits: at this requester only; of queues: those of this responder',
      },
      {
        ...{ flags: '--idc <name>', key: 'idc', kind: 'idc' },
        help: 'of queues: those whose owners are in this IDC',
      },
      REPLACE,
    ],
    order: ({ topic, to, what = 'circuit', instance, idc, replace, ...words }) => {
      const same = { to, forMs: spell(words.for), replace }
      if (what === 'queues')
        return post('/v1/queues/force', words, { topic, instance, idc, ...same })
      if (idc !== undefined) throw new UsageError('--idc is for --what queues')
      if (topic === '*') {
        throw new UsageError(
          'each topic has its own circuit: name one, or say --what queues with --instance or --idc',
        )
      }
      return post(`/v1/circuits/${part(topic)}/force`, words, { ...same, requester: instance })
    },
  },
  {
    name: 'isolate',
    summary: 'send nothing more to an IDC, until it is restored or time is up',
    description:
      'All requesters leave the queues of that IDC alone; calls under way end as they would. Its own callers ' +
      'go to the other IDCs, too.',
    args: [IDC],
    options: [OF_TOPIC, lasts('how long (default: 60s)'), REPLACE],
    order: ({ idc, topic, replace, ...words }) =>
      post(`/v1/idcs/${part(idc)}/isolate`, words, { topic, forMs: spell(words.for), replace }),
  },
  {
    name: 'restore',
    summary: 'end the isolation of an IDC',
    description: 'What is measured decides again which queues of that IDC are well.',
    args: [IDC],
    options: [OF_TOPIC],
    order: ({ idc, topic, ...words }) => post(`/v1/idcs/${part(idc)}/restore`, words, { topic }),
  },
  {
    name: 'hold',
    summary: 'keep an instance from owning queues of a topic',
    description:
      'Its queue is drained or goes to another instance; what waits goes back to its requesters, who send it ' +
      'elsewhere. It stays linked, and owns a queue again when it is released or time is up.',
    args: [TOPIC, INSTANCE],
    options: [AT_BROKER, lasts('how long (default: 60s)')],
    order: ({ topic, instance, broker, ...words }) =>
      post(`/v1/topics/${part(topic)}/hold`, words, { instance, broker, forMs: spell(words.for) }),
  },
  {
    name: 'release',
    summary: 'let an instance that was held own queues again',
    description: 'Ends what `finbus hold` began.',
    args: [TOPIC, INSTANCE],
    options: [AT_BROKER],
    order: ({ topic, instance, broker, ...words }) =>
      post(`/v1/topics/${part(topic)}/release`, words, { instance, broker }),
  },
  {
    name: 'limits',
    summary: 'change how much may wait in the queues of a topic',
    description: 'Changes what is named, and nothing else, for as long as the broker lives.',
    args: [TOPIC],
    options: [
      {
        ...{ flags: '--max-depth <n>', key: 'maxDepth' },
        help: 'requests waiting and unanswered, in each queue',
      },
      { flags: '--max-depth-bytes <n>', key: 'maxDepthBytes', help: 'the same in bytes' },
      AT_BROKER,
    ],
    order: ({ topic, broker, maxDepth, maxDepthBytes, ...words }) => {
      if (maxDepth === undefined && maxDepthBytes === undefined) {
        throw new UsageError('say which limit: --max-depth or --max-depth-bytes')
      }
      const limits = {
        maxDepth: whole('--max-depth', maxDepth, 1, 1_000_000),
        maxDepthBytes: whole('--max-depth-bytes', maxDepthBytes, 1_024, Number.MAX_SAFE_INTEGER),
      }
      const path = `/v1/topics/${part(topic)}/limits`
      return { ...post(path, words, { ...limits, broker }), method: 'PATCH' }
    },
  },
  {
    name: 'drain',
    summary: 'have a broker take no new work, and finish what it has',
    description:
      'Its clients go to the other brokers, what waits is handed back and sent elsewhere, what runs is ' +
      'finished, if there is time for it. The process runs on; `finbus resume` takes it back.',
    args: [BROKER],
    options: [
      { flags: '--within <time>', key: 'within', help: 'how long that may take (default: 10s)' },
    ],
    order: ({ broker, within, ...words }) => {
      const withinMs = spell(within, '--within', { leastMs: 1, mostMs: 600_000 })
      const order = post(`/v1/brokers/${part(broker)}/drain`, words, { withinMs })
      return { ...order, withinMs: withinMs ?? DRAIN_MS }
    },
  },
  {
    name: 'resume',
    summary: 'take a broker back that was drained',
    description: 'Its clients come back by themselves.',
    args: [BROKER],
    options: [],
    order: ({ broker, ...words }) => post(`/v1/brokers/${part(broker)}/resume`, words, {}),
  },
  {
    name: 'kick',
    summary: "end a client's session",
    description:
      'Its links are closed and its queues go to others; calls it has begun end as after the loss of a client.',
    args: [INSTANCE],
    options: [
      { flags: '--ban <time>', key: 'ban', help: 'and let it in again only after so long' },
      AT_BROKER,
    ],
    order: ({ instance, ban, broker, ...words }) => {
      const banMs = spell(ban, '--ban', { leastMs: 0, mostMs: A_DAY.mostMs })
      return post(`/v1/sessions/${part(instance)}/kick`, words, { banMs, broker })
    },
  },
]

/** What a drain may take where nobody says how long. */
const DRAIN_MS = 10_000

/** A name as a part of a path. */
const part = (word: Words[string]): string => encodeURIComponent(String(word))

const spell = (
  text: Words[string],
  option = '--for',
  bounds: DurationBounds = A_DAY,
): number | undefined => (typeof text === 'string' ? durationOf(option, text, bounds) : undefined)

const whole = (
  option: string,
  text: Words[string],
  least: number,
  most: number,
): number | undefined => {
  if (typeof text !== 'string') return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new UsageError(`${option} must be a whole number from ${least} to ${most}; got "${text}"`)
}

const post = (path: string, { reason }: Words, body: object): Order => {
  const why = typeof reason === 'string' ? reason.trim() : ''
  if (why === '' || why.length > MAX_REASON) {
    throw new UsageError(`--reason must be 1 to ${MAX_REASON} characters; got ${why.length}`)
  }
  // What was not said is the API's to decide.
  return { method: 'POST', path, body: { ...body, reason: why } }
}
