/** The things that some history of a run must show, or the run fails: it looked at too little. */
import type { BusErrorCode, Outcome } from '../../bus/errors.ts'
import type { Scene } from './scene.ts'

export interface Sometimes {
  readonly name: string
  isSeen(scene: Scene): boolean
}

/** Codes that the cores give to calls, with the outcomes they can have. */
const CODES: readonly (readonly [BusErrorCode, Outcome])[] = [
  ['no_responder', 'not_executed'],
  ['overloaded', 'not_executed'],
  ['expired', 'not_executed'],
  ['not_connected', 'not_executed'],
  ['draining', 'not_executed'],
  ['too_large', 'not_executed'],
  ['forbidden', 'not_executed'],
  ['too_many_inflight', 'not_executed'],
  ['circuit_open', 'not_executed'],
  ['deadline_exceeded', 'unknown'],
  ['deadline_exceeded', 'not_executed'],
  ['cancelled', 'unknown'],
  ['cancelled', 'not_executed'],
  ['responder_lost', 'unknown'],
  ['broker_lost', 'unknown'],
]

const isError = (scene: Scene, code: string, outcome: string): boolean =>
  scene.asked.some(({ call: { error } }) => error?.code === code && error.outcome === outcome)

const codes = CODES.map(
  ([code, outcome]): Sometimes => ({
    name: `${code}, ${outcome}`,
    isSeen: (scene) => isError(scene, code, outcome),
  }),
)

/** Facts that clients and brokers advise of, and what they mean for a reader. */
const ADVISED = {
  session_resumed: 'a session is resumed',
  session_ended: 'a session ends',
  late_reply: 'a reply comes too late',
  stalled: 'a process finds that it was stopped',
  overrun: 'a handler runs past its deadline',
  queue_gone: 'a queue ends',
  queue_full: 'a queue is full',
  queue_accepts: 'a full queue takes requests again',
  queue_isolated: 'a queue is isolated',
  queue_restored: 'an isolated queue is restored',
  queue_forced: 'an operator overrules a circuit',
  queue_stalled: 'a queue is found stalled',
  queue_answers: 'a stalled queue answers again',
  idc_takeover: 'another data centre takes part',
  idc_handover: 'it leaves the queues to those at home again',
  standby_active: 'an instance becomes the active one',
  standby_passive: 'and ceases to be it',
} as const

const advised = Object.entries(ADVISED).map(
  ([kind, name]): Sometimes => ({
    name,
    isSeen: ({ everybody }) =>
      [...everybody].some(({ advisories }) =>
        advisories.some((advisory) => advisory.kind === kind),
      ),
  }),
)

/** Counters of clients that must not stay at zero. */
const COUNTED: Readonly<Record<string, string>> = {
  retries: 'a refused call is sent to another queue',
  moves: 'a call that was handed back goes elsewhere, free of charge',
  recoveries: 'a call is sent again to the instance that may have it',
  crossIdc: 'a call goes to another data centre',
  launched: 'a dark-launch rule is followed',
  launchFallbacks: 'and falls back',
  lateRefusals: 'a refusal of an old attempt comes late',
  duplicates: 'a copy of a call meets the mark of the first',
  refusedUnstarted: 'a responder hands back what it has not begun',
  repliesResent: 'a kept reply is sent again',
  staleBatches: 'a batch is too old to be read',
}

const counted = Object.entries(COUNTED).map(
  ([counter, name]): Sometimes => ({
    name,
    isSeen: ({ everybody }) =>
      [...everybody].some(
        (node) =>
          'calls' in node &&
          (node.core.state.counters as unknown as Record<string, number>)[counter]! > 0,
      ),
  }),
)

const others: readonly Sometimes[] = [
  {
    name: 'handler_failed, executed',
    isSeen: ({ asked }) =>
      asked.some(({ call }) => {
        const [settled] = call.settlements
        return settled?.kind === 'reply' && settled.replyKind === 2
      }),
  },
  {
    name: 'an idempotent call runs at two instances',
    isSeen: ({ asked, world }) =>
      asked.some(({ by, call }) => {
        const ran = call.future === undefined ? [] : world.ledger.of(by.idOf(call))
        return ran.length > 1 && ran[0]!.instance !== ran[1]!.instance
      }),
  },
  {
    name: 'a call waits for a responder, and is answered',
    isSeen: ({ asked }) =>
      asked.some(
        ({ call }) => call.ask.waitForResponder && call.tookMs > 1_000 && call.end === 'reply',
      ),
  },
  {
    name: 'a queue goes to another owner, in a higher epoch',
    isSeen: ({ everybody }) =>
      [...everybody].some(({ advisories }) =>
        advisories.some((advisory) => advisory.kind === 'queue_assigned' && advisory.epoch > 1),
      ),
  },
  {
    name: 'a call comes back to a topic on its own path',
    isSeen: ({ asked }) =>
      asked.some(({ call, parent }) => call.ask.loop === true && parent !== undefined),
  },
  {
    name: 'a counter passes 2^32',
    isSeen: ({ asked }) => asked.some(({ call }) => (call.future?.counter ?? 0) > 2 ** 32),
  },
  {
    name: 'a call waits for its nested call, which fails',
    isSeen: ({ asked }) =>
      asked.some(({ call, parent }) => parent !== undefined && call.error !== undefined),
  },
]

export const SOMETIMES: readonly Sometimes[] = [...codes, ...advised, ...counted, ...others]
