import type { CallName } from '../../bus/correlation-id.ts'
import { reasonName, replyKindName } from '../../bus/frame.ts'
import { TRACE_WHATS, type TraceEvent } from '../../bus/trace.ts'
import { Told } from './call-trace.ts'
import type { BrokerState } from './state.ts'
import type { TraceRow } from './trace-ring.ts'

/** What is remembered here of a call, oldest first. */
export const traceOf = (now: number, state: BrokerState, call: CallName): TraceEvent[] => {
  const { trace } = state
  if (trace === undefined) return []
  const rows = trace.find(state.byInstance.get(call.instance)?.handle ?? 0, call)
  const topics = new Map([...state.topics.values()].map(({ handle, name }) => [handle, name]))
  return rows.map((row) => {
    const topic = topics.get(row.topic) ?? trace.topicOf(row.topic)
    const instance = state.sessions.get(row.peer)?.instance ?? trace.instanceOf(row.peer)
    return {
      agoMs: now - row.at,
      role: 'broker',
      node: state.identity.id,
      what: TRACE_WHATS[row.what]!,
      attempt: row.attempt,
      ...(topic === undefined ? {} : { topic }),
      ...(row.queue === 0 ? {} : { queue: row.queue }),
      ...(instance === undefined ? {} : { instance }),
      ...reasonOf(row),
    }
  })
}

const reasonOf = ({ what, why }: TraceRow): { reason?: string } => {
  if (what === Told.replied) return { reason: replyKindName(why) }
  return why === 0 || what === Told.late ? {} : { reason: reasonName(why) }
}
