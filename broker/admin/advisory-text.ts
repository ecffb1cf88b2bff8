/** What an advisory says to people on call: one plain sentence per kind. */
import type { Advisory } from '../../bus/advisory.ts'
import { plainText } from './text.ts'

type Texts = { [K in Advisory['kind']]: (a: Extract<Advisory, { kind: K }>) => string }

const seconds = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`
const mib = (bytes: number): string => `${Math.round((bytes / 1_048_576) * 10) / 10} MiB`
const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

const TEXTS: Texts = {
  link_up: (a) => `The link to ${a.peer} is up${a.isResumed ? ', its session resumed' : ''}.`,
  link_down: (a) => `The link to ${a.peer} is down: ${a.reason}.`,
  link_refused: (a) => `${a.peer} was refused: ${a.message} (${a.code}).`,
  routes: (a) => `${a.writable} of ${plural(a.queues, 'queue')} of ${a.topic} take requests.`,
  rules: (a) => `Version ${a.version} of the dark-launch rules of ${a.topic}: ${a.rules} in force.`,
  rules_set: (a) => `Version ${a.version} of the dark-launch rules: ${a.rules} in force.`,
  late_reply: (a) => `A reply came after its call had ended (${a.correlationId}).`,
  foreign_reply: (a) =>
    `A reply to ${a.correlationId} from ${a.from}, which was not asked, was dropped.`,
  two_groups: (a) =>
    `Two groups want to answer ${a.topic}: ${a.used} answers, ${a.refused} was refused.`,
  stalled: (a) => `The process stood still for ${seconds(a.stoppedMs)}.`,
  overrun: (a) =>
    `A handler of ${a.topic} ran ${seconds(a.overMs)} past its deadline (${a.correlationId}).`,
  session_resumed: (a) => `${a.peer} came back to its session.`,
  session_ended: (a) => `The session of ${a.peer} is over: ${a.reason}.`,
  queue_assigned: (a) => `Queue ${a.queue} of ${a.topic} belongs to ${a.owner}, epoch ${a.epoch}.`,
  queue_gone: (a) => `Queue ${a.queue} of ${a.topic}, owned by ${a.owner}, is gone: ${a.reason}.`,
  queue_full: (a) => `Queue ${a.queue} of ${a.topic} is full: ${a.depth} of ${a.limit}.`,
  queue_accepts: (a) => `Queue ${a.queue} of ${a.topic} accepts again, at depth ${a.depth}.`,
  queue_isolated: (a) =>
    `Queue ${a.queue} of ${a.topic} at ${a.broker}, owned by ${a.instance}, is isolated for ${seconds(a.forMs)}.`,
  queue_restored: (a) =>
    `Queue ${a.queue} of ${a.topic} at ${a.broker}, owned by ${a.instance}, is restored.`,
  queue_forced: (a) =>
    `Queue ${a.queue} of ${a.topic} at ${a.broker}, owned by ${a.instance}, was forced ${a.to}: ${a.reason}.`,
  circuit: (a) => `The circuit of ${a.topic} is ${a.state}.`,
  circuit_forced: (a) => `The circuit of ${a.topic} was forced ${a.to}: ${a.reason}.`,
  queue_stalled: (a) =>
    `Queue ${a.queue} of ${a.topic}, owned by ${a.owner}, does not answer: ${a.reason}.`,
  queue_answers: (a) => `Queue ${a.queue} of ${a.topic}, owned by ${a.owner}, answers again.`,
  unknown_idc: (a) => `IDC ${a.idc} has no broker; known are ${a.known}.`,
  duplicate_broker: (a) => `Broker ${a.broker} was met twice, also at ${a.url}: ${a.message}.`,
  idc_takeover: (a) =>
    `Other data centres take part in answering ${a.topic}: ${a.local} local, ${a.remote} remote.`,
  idc_handover: (a) =>
    `${a.topic} is answered at home again: ${a.local} local, ${a.remote} remote.`,
  standby_active: (a) => `The active one of ${a.topic}: ${a.votes} of ${a.brokers} votes.`,
  standby_passive: (a) =>
    `No longer the active one of ${a.topic}: ${a.votes} of ${a.brokers} votes.`,
  protocol_error: (a) => `${a.peer} sent what makes no sense: ${a.message}.`,
  registry_found: (a) => `Registry ${a.url} answers.`,
  registry_lost: (a) => `Registry ${a.url} does not answer: ${a.reason}.`,
  registry_refused: (a) => `Registry ${a.url} refuses: ${a.message} (${a.code}).`,
  broker_found: (a) => `Broker ${a.id} of IDC ${a.idc} was found at ${a.url}.`,
  draining: (a) => `The broker drains: ${plural(a.deliveries, 'request')} unanswered.`,
  drained: (a) => `The broker is drained: ${a.handedBack} handed back, ${a.abandoned} abandoned.`,
  resumed: () => 'The broker takes work again.',
  queue_held: (a) =>
    `${a.instance} is kept from owning a queue of ${a.topic} for ${seconds(a.forMs)}: ${a.reason}.`,
  queue_released: (a) => `${a.instance} may own a queue of ${a.topic} again.`,
  session_kicked: (a) =>
    `${a.peer} was thrown out${a.forMs > 0 ? ` for ${seconds(a.forMs)}` : ''}: ${a.reason}.`,
  limits_set: (a) =>
    `Limits of each queue of ${a.topic}: ${a.maxDepth} requests, ${mib(a.maxDepthBytes)}.`,
}

/** On one line, bounded. */
export const advisoryText = (advisory: Advisory): string => {
  const say = TEXTS[advisory.kind] as (a: Advisory) => string
  return plainText(say(advisory)).replace(/\.\.$/, '.')
}
