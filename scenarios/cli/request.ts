/** `finbus request`: one call, its reply, and how it ended. */
import type { Command } from 'commander'
import { checkTopic } from '../../bus/index.ts'
import type { RequestOptions } from '../../rr-client/index.ts'
import { printedReply, readBody, replyAsJson } from './body.ts'
import { addClientOptions, type ClientFlags, collect, connectBus } from './client.ts'
import { runCommand, UsageError } from './failure.ts'
import { defined, readSettings } from './settings.ts'
import { onFirstSignal } from './signals.ts'

interface RequestFlags extends ClientFlags {
  key?: string
  idempotent?: boolean
  wait?: boolean
  header?: string[]
}

export const addRequest = (program: Command): void => {
  const command = program
    .command('request')
    .summary('send a request and print the reply')
    .description(
      'Sends one request and prints the reply: JSON, or bytes as they came. An error says whether ' +
        'the work was done.',
    )
    .argument('<topic>', 'words joined by dots, such as account.balance')
    .argument('[body]', 'JSON text; @file, sent as bytes if it is not JSON; - for stdin; or none')
    .option('--timeout <ms>', 'settle within so many milliseconds (default: 3000)')
    .option('--wait', 'wait, within the timeout, for someone to answer the topic')
    .option('--idempotent', 'the work may be done more than once, so the bus may repeat the call')
    .option('--key <text>', 'calls with the same key go to the same instance while it lives')
    .option('--header <name=value>', 'header to send along; repeat it for more', collect)
    .showHelpAfterError(`(JSON needs quotes: '{"account":"7"}'; finbus help request)`)
  addClientOptions(command).action((topic: string, body: string | undefined, flags: RequestFlags) =>
    runCommand(flags.json, () => request(topic, body, flags)),
  )
}

const request = async (
  topic: string,
  argument: string | undefined,
  flags: RequestFlags,
): Promise<void> => {
  const settings = readSettings(flags)
  const headers = headersOf(flags.header)
  checkTopic(topic)
  const body = await readBody(argument)
  const bus = await connectBus(settings)
  const interrupt = new AbortController()
  const stopListening = onFirstSignal(() => interrupt.abort())
  try {
    const options: RequestOptions = defined({
      timeoutMs: settings.timeout,
      key: flags.key,
      idempotent: flags.idempotent,
      waitForResponder: flags.wait,
      headers,
      signal: interrupt.signal,
    })
    const since = performance.now()
    const reply: unknown = await bus.request(topic, body, options)
    const ms = Math.round((performance.now() - since) * 100) / 100
    process.stdout.write(
      flags.json
        ? `${JSON.stringify({ ok: true, reply: replyAsJson(reply), ms })}\n`
        : printedReply(reply, process.stdout.isTTY),
    )
  } finally {
    stopListening()
    await bus.close()
  }
}

const headersOf = (pairs: readonly string[] | undefined): Record<string, string> | undefined => {
  if (pairs === undefined) return undefined
  return Object.fromEntries(
    pairs.map((pair): [string, string] => {
      const at = pair.indexOf('=')
      if (at < 1) throw new UsageError(`--header must be name=value; got "${pair}"`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}
