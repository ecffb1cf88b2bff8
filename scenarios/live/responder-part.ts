/** A responder as a process. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Bus,
  connect,
  type HandlerContext,
  type ReplyOptions,
  ServiceError,
} from '../../rr-client/index.ts'
import { TOPIC } from './caller.ts'
import { onTerm, optionsOf, spin, type Who } from './manners.ts'

/** How a responder answers. */
export interface Manner {
  delayMs?: number
  /** Handlers never end. */
  isHolding?: boolean
  /** Handlers throw: an error of the bus's making, or one of the service's own. */
  fails?: 'defect' | 'business'
}

interface Answering {
  book: string
  topic?: string
  options: ReplyOptions
}

export function responderPart() {
  let bus: Bus | undefined
  let manner: Manner = {}
  let running = 0
  let aborted = 0
  return {
    connect: async (who: Who): Promise<void> => {
      bus = await connect(who.target, { group: 'accounts', ...optionsOf(who) })
      onTerm(() => bus!.close())
    },
    /** Answers the topic. What is begun is first written down, where a kill cannot reach it. */
    answer: async ({ book, topic = TOPIC, options }: Answering): Promise<void> => {
      const file = openSync(book, 'a')
      process.once('exit', () => closeSync(file))
      const { name } = bus!.snapshot()
      const handler = async ({ id }: { id: string }, { signal, idc }: HandlerContext) => {
        writeSync(file, `${id}\n`)
        const { delayMs = 0, isHolding = false, fails } = manner
        running += 1
        if (isHolding) await new Promise(() => {})
        if (delayMs > 0) await sleep(delayMs)
        running -= 1
        if (signal.aborted) aborted += 1
        if (fails === 'defect') throw new Error('a defect of the service')
        if (fails === 'business') throw new ServiceError('INSUFFICIENT_FUNDS', 'too little')
        return { by: name, idc }
      }
      await bus!.reply(topic, handler, options)
    },
    behave: (next: Manner): void => {
      manner = next
    },
    running: (): number => running,
    /** Handlers that had been told, when they ended, that nobody waits any more. */
    aborted: (): number => aborted,
    /** Stops in good order, and stays as a process. */
    leave: () => bus!.close(),
    block: ({ ms }: { ms: number }): void => {
      setTimeout(spin, 1, ms)
    },
    snapshot: () => bus!.snapshot(),
  }
}
