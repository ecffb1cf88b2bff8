/** The pulse of a link: numbered batches, what was acknowledged, and how old a batch may be. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { WireError } from '../bus/bytes.ts'
import { Pulse } from '../bus/pulse.ts'

describe('the pulse of a link', () => {
  test('numbers batches from 1, and knows since when the oldest is unacknowledged', () => {
    const pulse = new Pulse(0)
    assert.equal(pulse.unackedSince, Number.POSITIVE_INFINITY)
    assert.deepEqual([pulse.send(10), pulse.send(20), pulse.send(30)], [1, 2, 3])
    assert.equal(pulse.unackedSince, 10)
    pulse.receive(40, 0, 2)
    assert.deepEqual([pulse.acked, pulse.unackedSince], [2, 30])
    pulse.receive(50, 0, 3)
    assert.equal(pulse.unackedSince, Number.POSITIVE_INFINITY)
  })

  test('owes an acknowledgement from the first batch read until anything is sent', () => {
    const pulse = new Pulse(0)
    assert.equal(pulse.owes, false)
    pulse.receive(10, 1, 0)
    pulse.receive(15, 2, 0)
    assert.deepEqual([pulse.owes, pulse.owesSince, pulse.read], [true, 10, 2])
    pulse.send(20)
    assert.equal(pulse.owes, false)
    pulse.receive(30, 3, 0)
    pulse.sendAcknowledgement()
    assert.deepEqual([pulse.owes, pulse.sent], [false, 1])
  })

  test('a mere acknowledgement is owed nothing, so that two idle ends fall silent', () => {
    const pulse = new Pulse(0)
    pulse.send(10)
    pulse.receive(20, 0, 1)
    assert.deepEqual([pulse.owes, pulse.read, pulse.acked], [false, 0, 1])
  })

  test('bounds the age of what is read by when it sent what that acknowledges', () => {
    const pulse = new Pulse(100)
    assert.equal(pulse.ageBound(350), 250, 'nothing acknowledged: as old as the link at most')
    pulse.send(1_000)
    pulse.send(1_400)
    pulse.receive(1_500, 1, 1)
    assert.equal(pulse.ageBound(1_500), 500)
    pulse.receive(1_600, 2, 2)
    assert.equal(pulse.ageBound(1_600), 200)
    assert.equal(pulse.ageBound(9_400), 8_000, 'without further acknowledgement it grows')
  })

  test('a gap, a repeat, or an acknowledgement of what was never sent or long ago ends the link', () => {
    const heads: [number, number][] = [
      [2, 0],
      [3, 1],
      [1, 3],
      [1, 2 ** 53],
    ]
    for (const [number, ack] of heads) {
      const pulse = new Pulse(0)
      pulse.send(1)
      pulse.send(2)
      assert.throws(() => pulse.receive(3, number, ack), WireError, `${number}, ${ack}`)
    }
    const pulse = new Pulse(0)
    pulse.send(1)
    pulse.receive(2, 1, 1)
    assert.throws(() => pulse.receive(3, 1, 1), WireError, 'a repeat')
    assert.throws(() => pulse.receive(3, 2, 0), WireError, 'an older acknowledgement')
  })

  test('keeps the instants of any number of unacknowledged batches', () => {
    const step = fc.oneof(fc.record({ send: fc.nat(40) }), fc.record({ ack: fc.nat(60) }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pulse = new Pulse(0)
        const sentAt = [0]
        let now = 0
        let acked = 0
        for (const act of steps) {
          now += 7
          if ('send' in act) {
            for (let i = 0; i < act.send; i++) sentAt.push(++now) && pulse.send(now)
          } else {
            acked = Math.min(sentAt.length - 1, acked + act.ack)
            pulse.receive(now, 0, acked)
          }
          assert.equal(pulse.unackedSince, sentAt[acked + 1] ?? Number.POSITIVE_INFINITY)
          assert.equal(pulse.ageBound(now), now - sentAt[acked]!)
        }
      }),
    )
  })
})
