/** The loop: a stop of the process is noticed, also by those who had nothing to do. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Core, Loop } from '../bus/io/loop.ts'
import { nodeRuntime } from '../bus/io/runtime.ts'

const STOP_MS = 1_000

/** A loop whose clock stands where the test puts it; its timers never fire by themselves. */
const idle = (isWatched: boolean) => {
  const told: string[] = []
  let clock = 0
  const timers: number[] = []
  const core: Core = {
    nextDeadline: Number.POSITIVE_INFINITY,
    isWatched,
    onDeadline: () => told.push('woken'),
    onStopped: (_now, stoppedMs) => told.push(`stopped for ${stoppedMs}`),
    onCaughtUp: () => told.push('caught up'),
  }
  const runtime = {
    ...nodeRuntime,
    now: () => clock,
    fineNow: () => clock,
    setTimer: (_task: () => void, ms: number) => {
      timers.push(ms)
      return {}
    },
    clearTimer: () => {},
    soon: (task: () => void) => task(),
  }
  const loop = new Loop(core, runtime, STOP_MS, (error) => assert.fail(String(error)))
  const readAt = (ms: number): void => {
    clock = ms
    loop.postRead(() => told.push('read'), undefined)
  }
  return { told, timers, readAt, loop }
}

describe('a process that was stopped with nothing due', () => {
  test('ages what it reads then, if that may start work', () => {
    const { told, readAt, loop } = idle(true)
    readAt(0)
    readAt(100)
    readAt(2_000)
    assert.deepEqual(told, ['read', 'read', 'stopped for 1750', 'caught up', 'read'])
    loop.close()
  })

  test('is not taken for stopped after a short while', () => {
    const { told, readAt, loop } = idle(true)
    readAt(0)
    readAt(1_200)
    assert.deepEqual(told, ['read', 'read'])
    loop.close()
  })

  test('sets no timer for that when nothing it reads can start work', () => {
    const { timers, readAt, loop } = idle(false)
    readAt(0)
    assert.deepEqual(timers, [])
    loop.close()
  })
})
