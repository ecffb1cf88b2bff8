import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Histogram } from '../scenarios/drills/histogram.ts'

describe('a histogram of times', () => {
  test('has no quantile without a time', () => {
    assert.equal(new Histogram().quantile(0.99), undefined)
  })

  test('is within 5 % of the truth, from a tenth of a millisecond to minutes', () => {
    const times = fc.array(fc.double({ min: 0.1, max: 1e6, noNaN: true }), { minLength: 1 })
    const share = fc.constantFrom(0.01, 0.5, 0.99, 1)
    fc.assert(
      fc.property(times, share, (all, of) => {
        const histogram = new Histogram()
        for (const ms of all) histogram.add(ms)
        const sorted = [...all].sort((a, b) => a - b)
        const truth = sorted[Math.max(0, Math.ceil(all.length * of) - 1)]!
        const found = histogram.quantile(of)!
        assert.ok(Math.abs(found - truth) <= truth * 0.05 + 0.01, `${found} for ${truth}`)
      }),
    )
  })

  test('takes what no clock should give', () => {
    const histogram = new Histogram()
    for (const ms of [0, -5, 1e12]) histogram.add(ms)
    assert.ok(histogram.quantile(0.99)! > 1e6)
  })
})
