/**
 * A plan: everything that happens in one simulated history, as data. A seed draws one; a shrunk one
 * is kept as a file. The same plan gives the same history, to the last frame.
 */
import type { BrokerLimits } from '../../broker/core/state.ts'
import type { DarkLaunchRule } from '../../bus/rules.ts'
import { type Act, actText } from '../drills/words.ts'

export interface BrokerPlan {
  readonly name: string
  readonly idc: string
  readonly limits: Partial<BrokerLimits>
}

export interface AnswerPlan {
  readonly topic: string
  readonly concurrency: number
  readonly prefetch: number
  readonly isStandby: boolean
  readonly minQueues: number
  readonly maxQueues: number
}

export interface ClientPlan {
  readonly name: string
  readonly idc: string
  readonly label: string
  /** Brokers it knows from the start; of the others it hears later. */
  readonly knows: readonly string[]
  readonly maxInFlight: number
  readonly silenceMs: number
  readonly firstCounter: number
  /** What it shows to brokers: one that may not use the topic `secret.word`, if not empty. */
  readonly token: string
}

export interface ResponderPlan extends ClientPlan {
  readonly answers: readonly AnswerPlan[]
}

export interface CallPlan {
  readonly at: number
  readonly kind: 'call'
  /** Unlike that of any other call of the plan. */
  readonly id: number
  /** Name of the requester. */
  readonly by: string
  readonly topic: string
  /** How long the handler takes, and whether it throws then. */
  readonly takesMs: number
  readonly throws: boolean
  /** The topic its handler calls, once, before it answers. */
  readonly nested: string
  readonly timeoutMs: number
  readonly isIdempotent: boolean
  readonly key: string
  readonly waits: boolean
  /** The caller gives up after so long; 0 for never. */
  readonly cancelMs: number
  readonly label: string
  /** So many bytes more than it needs. */
  readonly padding: number
}

/** A link is lost, and not both ends hear of it. */
export interface LossPlan {
  readonly verb: 'lose'
  readonly client: { readonly kind: 'requester' | 'responder'; readonly name: string }
  readonly broker: string
  readonly told: 'client' | 'broker' | 'nobody'
}

/** The client calls no more, ends what it has, and goes; another takes its place. */
export interface ClosePlan {
  readonly verb: 'close'
  readonly name: string
  readonly withinMs: number
}

/** Something that befalls the way between a client and a broker. */
export interface WayPlan {
  /** Narrow; a second connection while the first is half open; a dial that only the broker hears of. */
  readonly verb: 'clog' | 'duplicate' | 'swallow'
  readonly client: LossPlan['client']
  readonly broker: string
  /** Of `clog`: what gets through. */
  readonly bytesPerMs: number
  readonly forMs: number
}

/** All ways get narrow one after the other, and wide again in another order. */
export interface SwizzlePlan {
  readonly verb: 'swizzle'
  readonly bytesPerMs: number
  readonly spreadMs: number
}

/** A process dies after so many more steps, before anything that the last one wrote has left. */
export interface CrashPlan {
  readonly verb: 'crash'
  readonly target: { readonly kind: 'broker' | 'responder' | 'requester'; readonly name: string }
  readonly steps: number
  readonly forMs: number
}

/** An operator decides about all queues that a requester knows. */
export interface ForcePlan {
  readonly verb: 'force'
  readonly name: string
  readonly to: 'open' | 'closed'
  readonly forMs: number
}

/** A registry answers what is not so. */
export interface MoodPlan {
  readonly verb: 'mislead'
  readonly registry: string
  readonly mood: 'empty' | 'garbled' | 'stale'
  readonly forMs: number
}

export type Fault =
  | Act
  | LossPlan
  | ClosePlan
  | WayPlan
  | SwizzlePlan
  | CrashPlan
  | ForcePlan
  | MoodPlan

export interface FaultPlan {
  readonly at: number
  readonly kind: 'fault'
  readonly fault: Fault
}

export type PlannedEvent = CallPlan | FaultPlan

/** What the world is like all the time. */
export interface Nature {
  /** Up to so much longer takes each batch. */
  readonly jitterMs: number
  /** Clocks run up to this share too fast or too slow. */
  readonly drift: number
  /** Copies of the registry, by which everybody learns who the brokers are; 0: they know it. */
  readonly registries: number
  /** This share of what is asked of registries is lost. */
  readonly httpLoss: number
}

export interface Plan {
  /** Of the world's own chance, and of that of every process. */
  readonly seed: number
  readonly latencyMs: number
  readonly awayMs: number
  readonly nature: Nature
  readonly brokers: readonly BrokerPlan[]
  readonly responders: readonly ResponderPlan[]
  readonly requesters: readonly ClientPlan[]
  readonly rules: readonly DarkLaunchRule[]
  /** Before anything is called; then faults and calls; then all is healed. */
  readonly warmMs: number
  readonly chaosMs: number
  /** Much idle time follows, after which nothing may be left of all that happened. */
  readonly rests: boolean
  /** In the order of time, from the end of the warm-up on. */
  readonly events: readonly PlannedEvent[]
}

/** Nobody is hurt in it. */
export const isPeace = ({ events }: Plan): boolean => events.every(({ kind }) => kind === 'call')

const faultText = (fault: Fault): string => {
  if (fault.verb === 'lose') {
    const { client, broker, told } = fault
    return `the link of ${client.kind} ${client.name} to broker ${broker} is lost, ${told} is told`
  }
  switch (fault.verb) {
    case 'close':
      return `requester ${fault.name} closes within ${fault.withinMs} ms`
    case 'clog': {
      const { client, broker, bytesPerMs, forMs } = fault
      return `${client.kind} ${client.name} to broker ${broker}: ${bytesPerMs} bytes/ms for ${forMs} ms`
    }
    case 'duplicate':
      return `${fault.client.kind} ${fault.client.name} links to broker ${fault.broker} twice`
    case 'swallow':
      return `a dial of ${fault.client.kind} ${fault.client.name} is heard by broker ${fault.broker} alone`
    case 'swizzle':
      return `all ways narrow to ${fault.bytesPerMs} bytes/ms, one after the other within ${fault.spreadMs} ms`
    case 'crash': {
      const { target, steps, forMs } = fault
      return `${target.kind} ${target.name} dies ${steps} steps later, for ${forMs} ms`
    }
    case 'force':
      return `an operator forces the queues of requester ${fault.name} ${fault.to} for ${fault.forMs} ms`
    case 'mislead':
      return `registry ${fault.registry} is ${fault.mood} for ${fault.forMs} ms`
    default:
      return actText(fault)
  }
}

/** A line for each event, for people. */
const eventText = (event: PlannedEvent): string => {
  const at = `${event.at}`.padStart(6)
  if (event.kind === 'fault') return `${at}  ${faultText(event.fault)}`
  const { id, by, topic, takesMs, timeoutMs } = event
  const traits = [
    event.isIdempotent ? 'idempotent' : '',
    event.throws ? 'throws' : '',
    event.nested === '' ? '' : `calls ${event.nested}`,
    event.key === '' ? '' : `key ${event.key}`,
    event.waits ? 'waits for a responder' : '',
    event.cancelMs === 0 ? '' : `given up after ${event.cancelMs} ms`,
    event.label === '' ? '' : `label ${event.label}`,
    event.padding === 0 ? '' : `${event.padding} bytes`,
  ].filter((trait) => trait !== '')
  const more = traits.length === 0 ? '' : ` (${traits.join(', ')})`
  return `${at}  ${by} calls ${topic} #${id} within ${timeoutMs} ms, takes ${takesMs} ms${more}`
}

/** The whole plan, for people. */
export const planText = (plan: Plan): string => {
  const { brokers, responders, requesters, nature } = plan
  const place = ({ name, idc }: { name: string; idc: string }): string => `${name} in ${idc}`
  return [
    `seed ${plan.seed}: ${plan.latencyMs} ms at home, ${plan.awayMs} ms elsewhere${natureText(nature)}`,
    `brokers: ${brokers.map((b) => place(b) + knobs(b.limits)).join('; ')}`,
    `responders: ${responders.map((r) => `${place(r)} ${r.answers.map(answerText).join(' ')}`).join('; ')}`,
    `requesters: ${requesters.map(place).join('; ')}`,
    ...plan.rules.map((rule) => `rule: ${JSON.stringify(rule)}`),
    `after ${plan.warmMs} ms:`,
    ...plan.events.map(eventText),
    `healed at ${plan.chaosMs}`,
  ].join('\n')
}

const natureText = ({ jitterMs, drift, registries, httpLoss }: Nature): string =>
  [
    jitterMs > 0 ? `, up to ${jitterMs} ms more` : '',
    drift > 0 ? `, clocks ${drift * 100} % off` : '',
    registries > 0 ? `, ${registries} registries that lose ${httpLoss * 100} %` : '',
  ].join('')

const knobs = (limits: object): string =>
  Object.keys(limits).length === 0 ? '' : ` ${JSON.stringify(limits)}`

const answerText = (answer: AnswerPlan): string => {
  const { topic, concurrency, prefetch, isStandby, maxQueues } = answer
  const bound = maxQueues === 0 ? '' : `, at most ${maxQueues} queues`
  return `[${topic}: ${concurrency}+${prefetch}${isStandby ? ', standby' : ''}${bound}]`
}
