/** `finbus reply`: answers a topic with an echo, or with what a program says. */
import type { Command } from 'commander'
import { checkTopic } from '../../bus/index.ts'
import type { AnyContracts, Bus, Handler, ReplyOptions } from '../../rr-client/index.ts'
import { addClientOptions, type ClientFlags, connectBus } from './client.ts'
import { runCommand, UsageError } from './failure.ts'
import { terminalLog } from './log.ts'
import { defined, LOG_LEVELS, readSettings } from './settings.ts'
import { Shell } from './shell.ts'
import { untilSignal } from './signals.ts'

interface ReplyFlags extends ClientFlags {
  echo?: boolean
  command?: string
  concurrency?: string
}

type AnyHandler = Handler<AnyContracts, string>

/** Responders of this command share topics unless told otherwise. */
const DEFAULT_GROUP = 'finbus'

export const addReply = (program: Command): void => {
  const command = program
    .command('reply')
    .summary('answer a topic, with an echo or a program')
    .description(
      'Answers a topic until Ctrl-C, then finishes what it has begun. A command gets the body on ' +
        'stdin and its stdout is the reply; if it fails, the caller gets COMMAND_FAILED with its exit ' +
        'code and last line of stderr. It finds FINBUS_TOPIC, FINBUS_CORRELATION_ID, ' +
        'FINBUS_REMAINING_MS and FINBUS_ATTEMPT in its environment, and is killed with all it started ' +
        'when the caller gives up.',
    )
    .argument('<topic>', 'words joined by dots, such as demo.echo')
    .option('--echo', 'answer with what was sent')
    .option('--command <command>', 'run this in the shell for each request')
    .option('--concurrency <n>', 'requests answered at once (default: 64)')
    .option('--group <name>', `instances of one group share the topic (default: ${DEFAULT_GROUP})`)
    .option('--name <name>', 'what to call this instance (default: finbus-PID)')
    .option('--log <level>', `on stderr: ${LOG_LEVELS.join(', ')} (default: warn)`)
  addClientOptions(command).action((topic: string, flags: ReplyFlags) =>
    runCommand(flags.json, () => reply(topic, flags)),
  )
}

const reply = async (topic: string, flags: ReplyFlags): Promise<void> => {
  const settings = readSettings(flags)
  const options: ReplyOptions = defined({ concurrency: concurrencyOf(flags.concurrency) })
  const handler = handlerOf(flags)
  checkTopic(topic)
  const logger = terminalLog(settings.log ?? 'warn', flags.json === true)
  const bus = await connectBus(settings, { group: settings.group ?? DEFAULT_GROUP, logger })
  try {
    await answerUntilSignal(bus, topic, handler, options, flags.json === true)
  } finally {
    const { finished, handedBack, abandoned } = await bus.close()
    if (!flags.json) {
      process.stderr.write(
        `closed: ${finished} finished, ${handedBack} handed back, ${abandoned} abandoned\n`,
      )
    }
  }
}

const answerUntilSignal = async (
  bus: Bus,
  topic: string,
  handler: AnyHandler,
  options: ReplyOptions,
  isJson: boolean,
): Promise<void> => {
  const signalled = untilSignal()
  const answering = await Promise.race([bus.reply(topic, handler, options), signalled])
  if (answering === undefined) return
  if (isJson) {
    const { group, queues } = answering
    process.stdout.write(`${JSON.stringify({ ok: true, answering: topic, group, queues })}\n`)
  } else process.stderr.write(`answering ${topic}\n`)
  await signalled
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
