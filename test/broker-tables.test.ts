/** Two tables of the broker core, on their own: deliveries by owner, and work put off to the next turn. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Backlog } from '../broker/core/backlog.ts'
import { Deliveries, type Delivery } from '../broker/core/deliveries.ts'
import { Link, Session } from '../broker/core/session.ts'
import { WireError } from '../bus/bytes.ts'
import type { Outbox } from '../bus/outbox.ts'
import { Prng } from '../bus/prng.ts'
import { Pulse } from '../bus/pulse.ts'

const sessionOf = (handle: number): Session => {
  const facts = { secret: '', replyTopic: '', name: '', idc: '', label: '', grant: undefined }
  return new Session(handle, { ...facts, instance: `instance-${handle}` })
}

const linked = (handle: number): { session: Session; link: Link } => {
  const session = sessionOf(handle)
  const link = new Link(0, handle, 'here', new Pulse(0), {} as Outbox)
  session.link = link
  return { session, link }
}

describe('deliveries', () => {
  test('each owner’s are found, oldest first, whatever was answered in between', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const prng = new Prng(seed)
      const deliveries = new Deliveries()
      const owners = [1, 2, 3, 4].map(sessionOf)
      const open: Delivery[] = []
      for (let step = 0; step < 500; step++) {
        if (open.length === 0 || prng.chance(0.52)) {
          const owner = owners[prng.below(owners.length)]!
          open.push(deliveries.take(owner, owner, undefined))
        } else {
          const [answered] = open.splice(prng.below(open.length), 1)
          deliveries.free(answered!)
        }
        for (const owner of owners) {
          const found = deliveries.of(owner).map(({ number }) => number)
          const wanted = open.filter((one) => one.owner === owner).map(({ number }) => number)
          assert.deepEqual(found, wanted, `seed ${seed}, step ${step}`)
        }
      }
      for (const delivery of open) deliveries.free(delivery)
      assert.equal(deliveries.size, 0)
      assert.deepEqual(
        owners.map(({ newestDelivery }) => newestDelivery),
        [0, 0, 0, 0],
      )
    }
  })
})

describe('work of one kind', () => {
  const PER_TURN = 3

  const started = () => {
    const backlog = new Backlog(PER_TURN)
    const done: string[] = []
    const ask = ({ session, link }: { session: Session; link: Link }, what: string): void =>
      backlog.run(0, link, session, () => done.push(what))
    return { backlog, done, ask }
  }

  test('is done at once, or so much of it per turn in the order it came', () => {
    const { backlog, done, ask } = started()
    const [a, b] = [linked(1), linked(2)]
    assert.equal(backlog.isBehind, false)
    for (const what of ['a1', 'a2']) ask(a, what)
    for (const what of ['b1', 'b2']) ask(b, what)
    for (const what of ['a3', 'a4', 'b3', 'b4']) ask(what.startsWith('a') ? a : b, what)
    assert.deepEqual(done, ['a1', 'a2', 'b1'])
    assert.deepEqual([backlog.has(a.session), backlog.has(b.session)], [true, true])
    backlog.onTurn(1)
    assert.deepEqual(done.slice(3), ['b2', 'a3', 'a4'])
    assert.deepEqual([backlog.has(a.session), backlog.has(b.session)], [false, true])
    ask(a, 'a5')
    backlog.onTurn(2)
    assert.deepEqual(done.slice(6), ['b3', 'b4', 'a5'])
    assert.equal(backlog.has(b.session), false)
    assert.equal(backlog.isBehind, true, 'this turn has had its share')
    backlog.onTurn(3)
    assert.equal(backlog.isBehind, false)
  })

  test('of a client whose link is gone is left undone', () => {
    const { backlog, done, ask } = started()
    const [a, b] = [linked(1), linked(2)]
    for (const what of ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7']) ask(a, what)
    ask(b, 'b1')
    a.session.link = undefined
    backlog.onTurn(1)
    assert.deepEqual(done.slice(PER_TURN), ['b1'])
    assert.equal(backlog.has(a.session), false)
  })

  test('of one client is not kept without end', () => {
    const { ask } = started()
    const [a, b] = [linked(1), linked(2)]
    const flood = (): void => {
      for (let i = 0; i < 100_000; i++) ask(a, 'more')
    }
    assert.throws(flood, WireError)
    ask(b, 'others may')
  })
})
