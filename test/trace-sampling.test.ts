/** What a node remembers of calls when there are too many to remember them all. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TraceSampling } from '../bus/trace-sampling.ts'

/** Ordinary events of so many calls over one second; how many of them were left out. */
const second = (sampling: TraceSampling, at: number, calls: number): number => {
  const before = sampling.skipped
  for (let i = 0; i < calls; i++) sampling.skips(at + Math.floor((i * 1_000) / calls), i)
  return sampling.skipped - before
}

describe('what is left out of traces', () => {
  test('nothing, while a second has at most 20,000 ordinary events', () => {
    const sampling = new TraceSampling()
    for (let s = 1; s <= 5; s++) assert.equal(second(sampling, s * 1_000, 19_000), 0)
  })

  test('under a rush all but one call in 16, and every node keeps the same ones', () => {
    const [requester, broker] = [new TraceSampling(), new TraceSampling()]
    for (const sampling of [requester, broker]) second(sampling, 1_000, 100_000)
    for (let counter = 1; counter <= 160; counter++) {
      const isLeftOut = requester.skips(2_100, counter)
      assert.equal(isLeftOut, counter % 16 !== 0, String(counter))
      assert.equal(broker.skips(2_100, counter), isLeftOut)
    }
  })

  test('great numbers are counted on as small ones', () => {
    const sampling = new TraceSampling()
    second(sampling, 1_000, 100_000)
    for (const base of [2 ** 31, 2 ** 32, 2 ** 53 - 32]) {
      assert.equal(sampling.skips(2_100, base), false, String(base))
      assert.equal(sampling.skips(2_100, base + 1), true, String(base + 1))
    }
  })

  test('when the rush is over everything is remembered again', () => {
    const sampling = new TraceSampling()
    second(sampling, 1_000, 100_000)
    second(sampling, 2_000, 500)
    assert.equal(second(sampling, 3_000, 500), 0)
  })
})
