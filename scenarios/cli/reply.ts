/** `finbus reply`: answers a topic with an echo, or with what a program says. */
import { checkTopic } from '../../bus/index.ts'
import type {
  Answering,
  AnyContracts,
  CloseReport,
  Handler,
  ReplyOptions,
} from '../../rr-client/index.ts'
import { type ClientFlags, connectBus } from './client.ts'
import { DEFAULT_GROUP } from './defaults.ts'
import { UsageError } from './failure.ts'
import { terminalLog } from './log.ts'
import { defined, readSettings } from './settings.ts'
import { Shell } from './shell.ts'
import { withSignal } from './signals.ts'

export interface ReplyFlags extends ClientFlags {
  echo?: boolean
  command?: string
  concurrency?: string
}

type AnyHandler = Handler<AnyContracts, string>

export const reply = async (topic: string, flags: ReplyFlags): Promise<void> => {
  const settings = readSettings(flags)
  const options: ReplyOptions = defined({ concurrency: concurrencyOf(flags.concurrency) })
  const handler = handlerOf(flags)
  checkTopic(topic)
  const logger = terminalLog(settings.log ?? 'warn', flags.json === true)
  const bus = await connectBus(settings, { group: settings.group ?? DEFAULT_GROUP, logger })
  // It also covers the close: a second Ctrl-C ends one that takes too long.
  await withSignal(async (signalled) => {
    try {
      const answering = await Promise.race([bus.reply(topic, handler, options), signalled])
      if (answering === undefined) return
      tellReady(answering, flags.json === true)
      await signalled
      tellClosed(await bus.close(), flags.json === true)
    } finally {
      await bus.close()
    }
  })
}

const tellReady = ({ topic, group, queues }: Answering, isJson: boolean): void => {
  if (!isJson) process.stderr.write(`answering ${topic}\n`)
  else process.stdout.write(`${JSON.stringify({ ok: true, answering: topic, group, queues })}\n`)
}

const tellClosed = (report: CloseReport, isJson: boolean): void => {
  const { finished, handedBack, abandoned } = report
  if (isJson) process.stdout.write(`${JSON.stringify({ ok: true, closed: report })}\n`)
  else {
    process.stderr.write(
      `closed: ${finished} finished, ${handedBack} handed back, ${abandoned} abandoned\n`,
    )
  }
}

const handlerOf = ({ echo, command }: ReplyFlags): AnyHandler => {
  if ((echo === true) === (command !== undefined)) {
    throw new UsageError('say how to answer: either --echo or --command CMD')
  }
  if (command === undefined) return (body: unknown) => body
  if (command.trim() === '') throw new UsageError('--command must not be empty')
  const shell = new Shell(command)
  // A second Ctrl-C ends this process, and must not leave commands behind.
  process.once('exit', () => shell.killAll())
  return (body: unknown, ctx) => shell.answer(body, ctx)
}

const concurrencyOf = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const concurrency = Number(text)
  if (!/^\d+$/.test(text) || concurrency < 1 || concurrency > 10_000) {
    throw new UsageError(`--concurrency must be a whole number from 1 to 10000; got "${text}"`)
  }
  return concurrency
}
