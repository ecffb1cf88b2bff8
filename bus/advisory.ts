/**
 * Facts that happened, told by the cores. Logs, metrics, status iterators and checkers are fed from
 * them. Rare ones only: what happens on every call is a counter in a snapshot.
 */
export type Advisory =
  | { kind: 'link_up'; peer: string; life: number; isResumed: boolean }
  | { kind: 'link_down'; peer: string; reason: string }
  | { kind: 'link_refused'; peer: string; code: string; message: string }
  | { kind: 'routes'; topic: string; writable: number; queues: number }
  | { kind: 'rules'; topic: string; version: number; rules: number }
  | { kind: 'rules_set'; version: number; rules: number }
  | { kind: 'late_reply'; correlationId: string; topic?: string }
  | {
      kind: 'foreign_reply'
      correlationId: string
      from: string
      topic: string
      attempt: number
    }
  | { kind: 'two_groups'; topic: string; used: string; refused: string }
  | { kind: 'stalled'; stoppedMs: number }
  | {
      kind: 'overrun'
      correlationId: string
      topic: string
      /** 0: it came by none. */
      queue: number
      attempt: number
      overMs: number
    }
  | { kind: 'session_resumed'; peer: string }
  | { kind: 'session_ended'; peer: string; reason: string }
  | { kind: 'queue_assigned'; topic: string; queue: number; owner: string; epoch: number }
  | { kind: 'queue_gone'; topic: string; queue: number; owner: string; reason: string }
  | { kind: 'queue_full'; topic: string; queue: number; depth: number; limit: number }
  | { kind: 'queue_accepts'; topic: string; queue: number; depth: number }
  | {
      kind: 'queue_isolated'
      topic: string
      queue: number
      broker: string
      instance: string
      forMs: number
    }
  | { kind: 'queue_restored'; topic: string; queue: number; broker: string; instance: string }
  | {
      kind: 'queue_forced'
      topic: string
      queue: number
      broker: string
      instance: string
      to: string
      reason: string
    }
  | { kind: 'circuit'; topic: string; state: 'open' | 'half-open' | 'closed' }
  | { kind: 'circuit_forced'; topic: string; to: string; reason: string }
  | { kind: 'queue_stalled'; topic: string; queue: number; owner: string; reason: string }
  | { kind: 'queue_answers'; topic: string; queue: number; owner: string }
  | { kind: 'unknown_idc'; idc: string; known: string }
  | { kind: 'duplicate_broker'; broker: string; url: string; message: string }
  | { kind: 'idc_takeover'; topic: string; local: number; remote: number }
  | { kind: 'idc_handover'; topic: string; local: number; remote: number }
  | { kind: 'standby_active'; topic: string; votes: number; brokers: number }
  | { kind: 'standby_passive'; topic: string; votes: number; brokers: number }
  | { kind: 'protocol_error'; peer: string; message: string }
  | { kind: 'registry_found'; url: string }
  | { kind: 'registry_lost'; url: string; reason: string }
  | { kind: 'registry_refused'; url: string; code: string; message: string }
  | { kind: 'broker_found'; id: string; idc: string; url: string }
  | { kind: 'draining'; deliveries: number }
  | { kind: 'drained'; handedBack: number; abandoned: number }
  | { kind: 'resumed' }
  | { kind: 'queue_held'; topic: string; instance: string; reason: string; forMs: number }
  | { kind: 'queue_released'; topic: string; instance: string }
  | { kind: 'session_kicked'; peer: string; reason: string; forMs: number }
  | { kind: 'limits_set'; topic: string; maxDepth: number; maxDepthBytes: number }

/** What people on call should see, against what is the course of things. */
const LEVELS: Readonly<Record<Advisory['kind'], 'debug' | 'info' | 'warn'>> = {
  link_up: 'info',
  link_down: 'warn',
  link_refused: 'warn',
  routes: 'debug',
  rules: 'info',
  rules_set: 'info',
  late_reply: 'debug',
  foreign_reply: 'warn',
  two_groups: 'warn',
  stalled: 'warn',
  overrun: 'warn',
  session_resumed: 'info',
  session_ended: 'info',
  queue_assigned: 'info',
  queue_gone: 'info',
  queue_full: 'warn',
  queue_accepts: 'info',
  queue_isolated: 'warn',
  queue_restored: 'info',
  queue_forced: 'warn',
  circuit: 'warn',
  circuit_forced: 'warn',
  queue_stalled: 'warn',
  queue_answers: 'info',
  unknown_idc: 'warn',
  duplicate_broker: 'warn',
  idc_takeover: 'warn',
  idc_handover: 'info',
  standby_active: 'info',
  standby_passive: 'warn',
  protocol_error: 'warn',
  registry_found: 'info',
  registry_lost: 'warn',
  registry_refused: 'warn',
  broker_found: 'info',
  draining: 'warn',
  drained: 'warn',
  resumed: 'warn',
  queue_held: 'warn',
  queue_released: 'info',
  session_kicked: 'warn',
  limits_set: 'info',
}

/** How an advisory is worth logging. */
export const advisoryLevel = (kind: Advisory['kind']): 'debug' | 'info' | 'warn' => LEVELS[kind]
