import type { HandlerContext } from '../../rr-client/index.ts'
import type { World } from './world.ts'

/** A broker, a service that answers one topic with `handler`, and a caller. */
export const service = async (
  world: World,
  handler: (body: never, ctx: HandlerContext) => unknown,
  options = {},
) => {
  const broker = await world.broker()
  const answerer = await world.connect(broker.url, { name: 'service', group: 'services' })
  const answering = await answerer.reply('work.one', handler as never, options)
  await answerer.reply('work.fine', (body) => body)
  const bus = await world.connect(broker.url, { name: 'caller' })
  return { broker, answerer, answering, bus }
}
