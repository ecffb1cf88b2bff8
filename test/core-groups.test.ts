import assert from 'node:assert/strict'
import { it } from 'node:test'
import { replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'

it('M10: when the group that stayed is gone, the one that was refused is asked again', () => {
  const world = new World()
  world.broker('b1')
  world.broker('b2')
  const y = world.client('Y', { brokers: ['b1'] })
  y.answer(replies(1), { group: 'alpha' })
  world.client('Z', { brokers: ['b2'] }).answer(replies(1), { group: 'beta' })
  const r = world.client('R')
  world.run(200)
  r.call()
  world.run(50)
  world.kill(y)
  world.run(1_000)
  const call = r.call({ body: '7' })
  world.run(50)
  assert.equal(call.reply, 're:7')
})
