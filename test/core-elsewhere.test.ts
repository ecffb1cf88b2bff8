import assert from 'node:assert/strict'
import { it } from 'node:test'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'

it('an idempotent call finds a responder that its requester hears of only after the loss', () => {
  const world = new World()
  world.broker('b1')
  const y = world.client('Y', { brokers: ['b1'] })
  y.answer(replies(5_000))
  const r = world.client('R', { brokers: ['b1'] })
  world.run(100)
  const call = r.call({ body: '7', idempotent: true, timeoutMs: 10_000 })
  world.run(50)
  world.kill(y)
  world.run(60)
  world.client('Z', { brokers: ['b1'] }).answer(replies(1))
  world.run(300)
  assert.equal(call.reply, 're:7')
})
