/** `finbus request`: one call, its reply, and how it ended. */
import { checkTopic } from '../../bus/index.ts'
import type { RequestOptions } from '../../rr-client/index.ts'
import { printedReply, readBody, replyAsJson } from './body.ts'
import { type ClientFlags, connectBus } from './client.ts'
import { UsageError } from './failure.ts'
import { defined, readSettings } from './settings.ts'
import { onFirstSignal } from './signals.ts'

export interface RequestFlags extends ClientFlags {
  key?: string
  idempotent?: boolean
  wait?: boolean
  header?: string[]
}

export const request = async (
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
  onFirstSignal(() => interrupt.abort())
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
