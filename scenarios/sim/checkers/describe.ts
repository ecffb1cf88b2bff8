import type { Asked, Scene } from '../scene.ts'

/** One call, for the reader of a violation. */
export const describe = ({ world }: Scene, { by, call }: Asked): string => {
  const { ask, timeoutMs, startedAt } = call
  const kind = ask.idempotent === true ? 'idempotent ' : ''
  const id = call.future === undefined ? 'a call' : by.idOf(call)
  const ran = call.future === undefined ? [] : world.ledger.of(id)
  const runs = ran.map(({ instance, startedAt: at }) => `${instance} at ${at}`).join(', ')
  const settled = call.settlements.map(({ at }) => at).join(' and ')
  const body = call.body.slice(0, 40)
  return (
    `${kind}${id} (${ask.topic} ${body}) of ${timeoutMs} ms at ${startedAt}, ` +
    `${call.end} at ${settled} ${call.error?.message ?? ''}, begun [${runs}]`
  )
}
