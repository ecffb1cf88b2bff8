/** What operators may do from the page: each action with what it does, to whom, and its command. */
import { durationWord } from './command.ts'
import { plural } from './words.ts'

export interface AskField {
  name: string
  label: string
  kind: 'duration' | 'number' | 'topic'
  /** What it begins with; empty leaves it out. */
  value: number | string | null
  hint: string
}

export interface Ask {
  title: string
  /** One sentence each. */
  does: string
  whom: string
  verb: string
  method: 'POST' | 'PATCH'
  path: string
  body: Readonly<Record<string, unknown>>
  fields: readonly AskField[]
  /** Words of the command that does the same. */
  command: (values: Values) => string[]
}

export interface Values {
  reason: string
  [field: string]: number | string | undefined
}

const DEFAULT_FORCE_MS = 60_000
const DEFAULT_HOLD_MS = 600_000

const expiry = (value = DEFAULT_FORCE_MS): AskField => ({
  ...{ name: 'forMs', label: 'For', kind: 'duration', value },
  hint: 'Then it ends by itself.',
})

const at = (...words: string[]): string =>
  ['v1', ...words.map((word) => encodeURIComponent(word))].join('/')

const forWords = ({ forMs }: Values): string[] =>
  typeof forMs === 'number' ? ['--for', durationWord(forMs)] : []
const topicWords = ({ topic }: Values): string[] =>
  typeof topic === 'string' && topic !== '*' ? ['--topic', topic] : []
const reasonWords = ({ reason }: Values): string[] => ['--reason', reason || 'TEXT']

export type ForceTo = 'open' | 'closed' | 'probe' | 'auto'

const FORCE_DOES: Readonly<Record<ForceTo, { verb: string; does: string }>> = {
  open: { verb: 'Force open', does: 'Calls fail at once with circuit_open; nothing is sent.' },
  closed: { verb: 'Force closed', does: 'Calls are let through, however many of them fail.' },
  probe: { verb: 'Probe', does: 'One call is let through now; how it ends decides.' },
  auto: { verb: 'Release', does: 'The circuit decides by itself again.' },
}

export const forceCircuit = (
  topic: string,
  to: ForceTo,
  circuits: number,
  requester?: string,
): Ask => ({
  title: `${FORCE_DOES[to].verb}: circuit of ${topic}`,
  does: FORCE_DOES[to].does,
  whom:
    requester === undefined
      ? `At every requester of ${topic}: ${plural(circuits, 'circuit')} now, and those that link later.`
      : `At the instance ${requester} only.`,
  verb: FORCE_DOES[to].verb,
  ...{ method: 'POST', path: at('circuits', topic, 'force') },
  body: requester === undefined ? { to } : { to, requester },
  fields: to === 'open' || to === 'closed' ? [expiry()] : [],
  command: (values) => [
    ...['force', topic, '--to', to, ...reasonWords(values), ...forWords(values)],
    ...(requester === undefined ? [] : ['--instance', requester]),
  ],
})

export const forceQueues = (topic: string, instance: string, name: string, to: ForceTo): Ask => ({
  title: `${to === 'open' ? 'Isolate' : to === 'auto' ? 'Release' : FORCE_DOES[to].verb}: queues of ${name}`,
  does:
    to === 'open'
      ? 'Requesters leave these queues alone, and use the others.'
      : to === 'auto'
        ? 'Requesters decide by themselves again.'
        : 'Requesters use these queues, whatever they saw of them.',
  whom: `Queues of ${topic} that ${name} (${instance}) owns, at every requester.`,
  verb: to === 'open' ? 'Isolate' : to === 'auto' ? 'Release' : FORCE_DOES[to].verb,
  ...{ method: 'POST', path: 'v1/queues/force', body: { topic, instance, to } },
  fields: to === 'open' || to === 'closed' ? [expiry()] : [],
  command: (values) => [
    ...['force', topic, '--what', 'queues', '--instance', instance, '--to', to],
    ...[...reasonWords(values), ...forWords(values)],
  ],
})

export const isolateIdc = (idc: string, brokers: number): Ask => ({
  title: `Isolate IDC ${idc}`,
  does: `Requesters send nothing to responders in ${idc}; calls go to other IDCs.`,
  whom: `Every topic or the one that is named, at every client; ${plural(brokers, 'broker')} in ${idc}.`,
  ...{ verb: 'Isolate', method: 'POST', path: at('idcs', idc, 'isolate'), body: {} },
  fields: [
    {
      ...{ name: 'topic', label: 'Topic', kind: 'topic', value: null },
      hint: 'Empty: every topic.',
    },
    expiry(DEFAULT_HOLD_MS),
  ],
  command: (values) => [
    ...['isolate', idc, ...topicWords(values), ...reasonWords(values), ...forWords(values)],
  ],
})

/** `topic`: `*` ends the word about every topic. */
export const restoreIdc = (idc: string, topic: string): Ask => ({
  title: `Restore IDC ${idc}${topic === '*' ? '' : ` for ${topic}`}`,
  does: `Requesters use responders in ${idc} again, as far as they find them healthy.`,
  whom: `${topic === '*' ? 'Every topic' : `The topic ${topic}`}, at every client.`,
  ...{ verb: 'Restore', method: 'POST', path: at('idcs', idc, 'restore') },
  ...{ body: topic === '*' ? {} : { topic }, fields: [] },
  command: (values) => [
    'restore',
    idc,
    ...topicWords({ ...values, topic }),
    ...reasonWords(values),
  ],
})

export const holdInstance = (topic: string, instance: string, name: string): Ask => ({
  title: `Hold ${name}`,
  does: 'It owns no queue of this topic any more; what waits there goes back and elsewhere.',
  whom: `${name} (${instance}), topic ${topic}, at every broker.`,
  ...{ verb: 'Hold', method: 'POST', path: at('topics', topic, 'hold'), body: { instance } },
  fields: [expiry(DEFAULT_HOLD_MS)],
  command: (values) => ['hold', topic, instance, ...reasonWords(values), ...forWords(values)],
})

export const releaseInstance = (topic: string, instance: string, name: string): Ask => ({
  title: `Release ${name}`,
  does: 'It may own queues of this topic again.',
  whom: `${name === instance ? name : `${name} (${instance})`}, topic ${topic}, at every broker.`,
  ...{ verb: 'Release', method: 'POST', path: at('topics', topic, 'release'), body: { instance } },
  fields: [],
  command: (values) => ['release', topic, instance, ...reasonWords(values)],
})

export const changeLimits = (topic: string, maxDepth: number, maxDepthBytes: number): Ask => ({
  title: `Limits of ${topic}`,
  does: 'From this depth on a queue is full; only what is given is changed.',
  whom: `Every queue of ${topic}, at every broker.`,
  ...{ verb: 'Change', method: 'PATCH', path: at('topics', topic, 'limits'), body: {} },
  fields: [
    ...[field('maxDepth', 'Messages', maxDepth, 'Waiting and unanswered together.')],
    ...[field('maxDepthBytes', 'Bytes', maxDepthBytes, 'Of their bodies and headers.')],
  ],
  command: (values) => [
    ...['limits', topic],
    ...(values.maxDepth === undefined ? [] : ['--max-depth', String(values.maxDepth)]),
    ...(values.maxDepthBytes === undefined
      ? []
      : ['--max-depth-bytes', String(values.maxDepthBytes)]),
    ...reasonWords(values),
  ],
})

const field = (name: string, label: string, value: number | null, hint: string): AskField => ({
  ...{ name, label, kind: 'number', value, hint },
})

export const drainBroker = (broker: string, sessions: number | null): Ask => ({
  title: `Drain ${broker}`,
  does: 'It takes no new work; its queues go, what waits is handed back, its clients move on.',
  whom:
    sessions === null
      ? `The broker ${broker} and all its clients.`
      : `The broker ${broker} and its ${plural(sessions, 'session')}.`,
  ...{ verb: 'Drain', method: 'POST', path: at('brokers', broker, 'drain'), body: {} },
  fields: [
    {
      ...{ name: 'withinMs', label: 'Within', kind: 'duration', value: 30_000 },
      hint: 'What is unanswered then is abandoned.',
    },
  ],
  command: ({ withinMs, ...values }) => [
    ...['drain', broker],
    ...(typeof withinMs === 'number' ? ['--within', durationWord(withinMs)] : []),
    ...reasonWords(values),
  ],
})

export const resumeBroker = (broker: string): Ask => ({
  title: `Resume ${broker}`,
  does: 'It takes work again; clients come back by themselves.',
  whom: `The broker ${broker}.`,
  ...{ verb: 'Resume', method: 'POST', path: at('brokers', broker, 'resume'), body: {} },
  fields: [],
  command: (values) => ['resume', broker, ...reasonWords(values)],
})

export const kickClient = (instance: string, name: string): Ask => ({
  title: `Kick ${name}`,
  does: 'Its session ends; its calls here are lost to it, and it is kept out for a while.',
  whom: `${name} (${instance}).`,
  ...{ verb: 'Kick', method: 'POST', path: at('sessions', instance, 'kick'), body: {} },
  fields: [
    {
      ...{ name: 'banMs', label: 'Keep out for', kind: 'duration', value: 60_000 },
      hint: 'Then it may come back.',
    },
  ],
  command: ({ banMs, ...values }) => [
    ...['kick', instance],
    ...(typeof banMs === 'number' ? ['--ban', durationWord(banMs)] : []),
    ...reasonWords(values),
  ],
})
