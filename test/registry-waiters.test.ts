/** Those who wait at a registry for a change: bounded, answered once, and only for what is new. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Waiters } from '../broker/registry/waiters.ts'
import { story, until } from './support/world.ts'

/** A response that only notes its end. */
class Response extends EventEmitter {
  isDestroyed = false

  destroy(): void {
    this.isDestroyed = true
    this.emit('close')
  }
}

const hall = (most: number) => {
  const answered: unknown[] = []
  const waiters = new Waiters(most, (response) => answered.push(response))
  const enter = (seen: number, waitMs = 60_000): Response | undefined => {
    const response = new Response()
    return waiters.add(seen, response as unknown as ServerResponse, waitMs) ? response : undefined
  }
  return { waiters, answered, enter }
}

story('one more than may wait is refused; a place is free when one goes', async (world) => {
  const { waiters, answered, enter } = hall(2)
  world.later(() => waiters.close())
  const first = enter(1)
  assert.ok(first !== undefined && enter(1) !== undefined)
  assert.equal(enter(1), undefined)
  first.destroy()
  assert.ok(enter(1) !== undefined)
  assert.deepEqual([waiters.size, answered.length], [2, 0])
})

story('a change answers each who has not seen it, once, many thousands in turn', async (world) => {
  const { waiters, answered, enter } = hall(10_000)
  world.later(() => waiters.close())
  const before = Array.from({ length: 3_000 }, () => enter(1))
  waiters.wake(2)
  // Who comes while it is being told has seen the second version, not yet the third.
  const between = enter(2)
  waiters.wake(3)
  const after = enter(3)
  await until('all who had to be are answered', () => answered.length >= before.length + 1)
  assert.deepEqual(new Set(answered), new Set([...before, between]))
  assert.equal(answered.length, 3_001)
  assert.equal(waiters.size, 1)
  assert.equal(after?.isDestroyed, false)
})

story('the time of one is over: it is answered, and not again by a change', async (world) => {
  const { waiters, answered, enter } = hall(10)
  world.later(() => waiters.close())
  const short = enter(1, 5)
  await until('it is answered', () => answered.length === 1)
  const long = enter(1)
  waiters.wake(2)
  await until('the other one, too', () => answered.length === 2)
  assert.deepEqual(answered, [short, long])
})

story('the end cuts all who wait, and answers nobody', async () => {
  const { waiters, answered, enter } = hall(10)
  const waiting = [enter(1), enter(1)]
  waiters.wake(2)
  waiters.close()
  assert.deepEqual(
    waiting.map((response) => response?.isDestroyed),
    [true, true],
  )
  assert.deepEqual([waiters.size, answered], [0, []])
})
