/** A few failures among many answers are no reason to refuse a topic's calls. */
import assert from 'node:assert/strict'
import { flood, story, tally } from '../support/world.ts'

const answers = (body: { fails: boolean }) => {
  if (body.fails) throw new Error('a defect of the service')
  return body
}

story('a circuit knows what was answered before the first failure', async (world) => {
  const broker = await world.broker()
  const service = await world.connect(broker.url, { name: 'service' })
  await service.reply('work.one', answers)
  const bus = await world.connect(broker.url)
  const call = (count: number, fails: boolean) =>
    flood(count, 1, () => bus.request('work.one', { fails }, { waitForResponder: true }))
  assert.deepEqual(tally(await call(200, false)), { ok: 200 })
  assert.deepEqual(tally(await call(30, true)), { handler_failed: 30 })
  assert.deepEqual(tally(await call(1, false)), { ok: 1 })
  const more = tally(await call(250, true))
  assert.ok(more.handler_failed! >= 150 && more.circuit_open! > 0, JSON.stringify(more))
})

story('a circuit that knows of nothing but failures opens after twenty', async (world) => {
  const broker = await world.broker()
  const service = await world.connect(broker.url, { name: 'service' })
  await service.reply('work.one', answers)
  const bus = await world.connect(broker.url)
  const calls = await flood(30, 1, () =>
    bus.request('work.one', { fails: true }, { waitForResponder: true }),
  )
  assert.deepEqual(tally(calls), { handler_failed: 20, circuit_open: 10 })
})
