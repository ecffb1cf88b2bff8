/** Advisories as a person would tell them. */
import type { Advisory } from '../../../bus/advisory.ts'
import type { Names } from './names.ts'

/** What is said of an advisory; undefined for what the frames have told already. */
export const newsWords = (names: Names, a: Advisory): string | undefined => {
  const who = (id: string): string => names.instance(id)
  switch (a.kind) {
    case 'routes':
    case 'rules':
    case 'rules_set':
      return undefined
    case 'link_up':
      return `link to ${names.peer(a.peer)} is up${a.isResumed ? ', resumed' : ''}`
    case 'link_down':
      return `link to ${names.peer(a.peer)} is lost: ${a.reason}`
    case 'session_resumed':
      return `session of ${who(a.peer)} goes on`
    case 'session_ended':
      return `session of ${who(a.peer)} is over: ${a.reason}`
    case 'late_reply':
      return `a reply came too late to be of use: ${names.callOf(a.correlationId)}`
    case 'overrun':
      return `handler of ${names.callOf(a.correlationId)} has run ${a.overMs} ms past its deadline`
    case 'queue_assigned':
      return `queue ${a.queue} epoch ${a.epoch} belongs to ${who(a.owner)}`
    case 'queue_gone':
      return `queue ${a.queue} of ${who(a.owner)} is gone: ${a.reason}`
    case 'queue_full':
      return `queue ${a.queue} is full: ${a.depth} of ${a.limit}`
    case 'queue_accepts':
      return `queue ${a.queue} accepts again, with ${a.depth} in it`
    case 'queue_stalled':
      return `queue ${a.queue} of ${who(a.owner)} has stalled: ${a.reason}`
    case 'queue_answers':
      return `queue ${a.queue} of ${who(a.owner)} answers again`
    case 'queue_isolated':
      return `isolates queue ${a.queue} of ${who(a.instance)} at ${names.broker(a.broker)} for ${Math.round(a.forMs)} ms`
    case 'queue_restored':
      return `restores queue ${a.queue} of ${who(a.instance)} at ${names.broker(a.broker)}`
    case 'stalled':
      return `notices that it was stopped for ${Math.round(a.stoppedMs)} ms`
    case 'idc_takeover':
      return `takeover: of ${a.topic}, ${a.local} at home, ${a.remote} from elsewhere take part`
    case 'idc_handover':
      return `handover: ${a.local} at home own ${a.topic} again`
    case 'standby_active':
      return `is active, with ${a.votes} of ${a.brokers} votes`
    case 'standby_passive':
      return `is active no longer, with ${a.votes} of ${a.brokers} votes`
    default:
      return plain(names, a)
  }
}

/** What happens too seldom in stories to have words of its own. */
const plain = (names: Names, { kind, ...facts }: Advisory): string => {
  const told = Object.entries(facts).map(
    ([name, value]) => `${name} ${typeof value === 'string' ? names.instance(value) : value}`,
  )
  return `${kind.replaceAll('_', ' ')}: ${told.join(', ')}`
}
