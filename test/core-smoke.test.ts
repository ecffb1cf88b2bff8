import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replies } from './virtual/handlers.ts'
import { World } from './virtual/world.ts'

test('a call is answered', () => {
  const world = new World()
  world.broker()
  const y = world.client('Y')
  y.answer(replies(5))
  const r = world.client('R')
  world.run(100)
  const call = r.call({ body: 'x' })
  world.run(100)
  assert.equal(call.reply, 're:x')
  assert.equal(world.ledger.of(r.idOf(call)).length, 1)
  world.assertQuiet()
  world.cut(y)
  world.restart('b1')
  world.run(500)
  world.assertQuiet()
})
