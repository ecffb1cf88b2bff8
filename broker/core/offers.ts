import { isName, isTopic } from '../../bus/names.ts'
import type { Register } from '../../bus/topic-frames.ts'
import type { Session } from './session.ts'
import type { BrokerState } from './state.ts'
import type { Registration, Topic } from './topic.ts'

const STANDBY = 'active/standby (standby: true)'
const ORDINARY = 'all instances active (standby: false)'
/** Topics one client may answer. */
const MAX_REGISTRATIONS = 20_000

export interface Refusal {
  readonly code: string
  readonly message: string
}

/** Why an offer to answer a topic is not taken, if it is not. */
export const refusalOf = (
  state: BrokerState,
  session: Session,
  ask: Register,
  topic: Topic | undefined,
  count: number,
  known: Registration | undefined,
): Refusal | undefined => {
  if (!isTopic(ask.topic) || !isName(ask.group)) {
    return { code: 'invalid_argument', message: 'topic or group is not a valid name' }
  }
  const { minQueues, maxQueues } = ask
  if (maxQueues > 0 && minQueues > maxQueues) {
    const message = `queues: min ${minQueues} is above max ${maxQueues}`
    return { code: 'invalid_argument', message }
  }
  if (!session.mayReply(ask.topic)) {
    return { code: 'forbidden', message: `this token may not answer ${ask.topic}` }
  }
  if (topic === undefined) {
    const limit = state.limits.maxTopics
    return { code: 'overloaded', message: `the broker knows ${limit} topics, its limit` }
  }
  if (known !== undefined && known.topic !== topic) {
    return { code: 'invalid_argument', message: `registration ${ask.id} is for another topic` }
  }
  const isStandby = topic.vote !== undefined
  if ((isStandby || topic.registrations.size > 0) && isStandby !== ask.isStandby) {
    const [mode, other] = isStandby ? [STANDBY, ORDINARY] : [ORDINARY, STANDBY]
    const message = `topic ${ask.topic} is answered as ${mode} by group ${topic.group}; group ${ask.group} asks for ${other}`
    return { code: 'invalid_argument', message }
  }
  if (topic.registrations.size > 0 && topic.group !== ask.group) {
    const message = `topic ${ask.topic} is answered by group ${topic.group}, not ${ask.group}`
    return { code: 'forbidden', message }
  }
  if (known === undefined && count >= MAX_REGISTRATIONS) {
    return { code: 'overloaded', message: `one client may answer ${MAX_REGISTRATIONS} topics` }
  }
  return undefined
}

/** A majority is one only among the same brokers: with different lists two instances could be active. */
export const listRefusal = (asked: Registration): Refusal | undefined => {
  const { topic, brokers } = asked
  for (const other of topic.registrations) {
    // Zero: it has not said yet.
    if (other === asked || other.brokers === 0 || other.brokers === brokers) continue
    const message = `active/standby topic ${topic.name}: this instance lists ${brokers} brokers, ${other.session.name} lists ${other.brokers}; all must list the same`
    return { code: 'invalid_argument', message }
  }
  return undefined
}
