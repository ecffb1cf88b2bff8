/** finbus for the side-by-side harness (its README is the contract): the built package, all defaults. */
import { startBroker as start } from '../../dist/broker/index.js'
import { connect } from '../../dist/rr-client/index.js'

const TOPIC = 'account.balance'
const urlOf = (arg) => `ws://127.0.0.1:${arg.port}`

export const meta = {}

export async function startBroker(arg) {
  const broker = await start({ listen: urlOf(arg) })
  return { info: {}, stop: () => broker.close() }
}

export async function startResponder(arg) {
  const bus = await connect(urlOf(arg))
  await bus.reply(TOPIC, async (body) => body)
  return { stop: () => bus.close() }
}

export async function startRequester(arg) {
  const bus = await connect(urlOf(arg))
  return { request: (bytes) => bus.request(TOPIC, bytes), stop: () => bus.close() }
}
