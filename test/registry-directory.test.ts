/** Who may call himself what: the rules of one copy of the registry, in a world whose time we say. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Announcement, Directory } from '../broker/registry/core/directory.ts'

const LEASE = 6_000
const directory = (maxBrokers = 1_000): Directory => new Directory({ leaseMs: LEASE, maxBrokers })

const broker = (id: string, life: number, url: string, idc = 'sz'): Announcement => ({
  id,
  life,
  idc,
  urls: [url],
})

const ids = (of: Directory, now: number): string[] => of.list(now).map(({ id }) => id)

/** Takes it in without a word. */
const accept = (of: Directory, now: number, announced: Announcement): void => {
  assert.equal(of.announce(now, announced), undefined)
}

/** Refuses it, and stays as it was. */
const refuse = (of: Directory, now: number, announced: Announcement, code: string): string => {
  const before = [of.version, of.list(now)]
  const refusal = of.announce(now, announced)
  assert.equal(refusal?.code, code)
  assert.deepEqual([of.version, of.list(now)], before)
  return refusal.message
}

describe('a broker that announces itself', () => {
  test('is listed for a lease from its last word, and renewals change nothing', () => {
    const all = directory()
    accept(all, 0, broker('a', 1, 'ws://a:1'))
    const { version } = all
    accept(all, 5_000, broker('a', 1, 'ws://a:1'))
    assert.equal(all.version, version)
    assert.equal(all.nextDeadline, 11_000)
    assert.deepEqual(ids(all, 10_999), ['a'])
    assert.deepEqual(ids(all, 11_000), [])
    assert.equal(all.version, version + 1)
    assert.equal(all.nextDeadline, Number.POSITIVE_INFINITY)
  })

  test('is forgotten on its own: the others stay', () => {
    const all = directory()
    accept(all, 0, broker('b', 2, 'ws://b:1'))
    accept(all, 0, broker('a', 1, 'ws://a:1'))
    accept(all, 4_000, broker('b', 2, 'ws://b:1'))
    assert.deepEqual(
      all.expire(7_000).map(({ id }) => id),
      ['a'],
    )
    assert.deepEqual(ids(all, 7_000), ['b'])
  })

  test('is listed by id, with the addresses in its own order', () => {
    const all = directory()
    accept(all, 0, { ...broker('b', 2, ''), urls: ['wss://b:2', 'wss://b:1'] })
    accept(all, 0, broker('a', 1, 'ws://a:1'))
    assert.deepEqual(ids(all, 0), ['a', 'b'])
    assert.deepEqual(all.list(0)[1]?.urls, ['wss://b:2', 'wss://b:1'])
  })

  test('may change its addresses within one life, and the old ones are free', () => {
    const all = directory()
    accept(all, 0, broker('a', 1, 'ws://a:1'))
    const { version } = all
    accept(all, 1, broker('a', 1, 'ws://a:2'))
    assert.equal(all.version, version + 1)
    accept(all, 2, broker('b', 2, 'ws://a:1', 'sh'))
    assert.deepEqual(ids(all, 2), ['a', 'b'])
  })
})

describe('a restart', () => {
  test('with the same id takes the place of the life before', () => {
    const all = directory()
    accept(all, 0, broker('a', 1, 'ws://a:1'))
    accept(all, 100, broker('a', 2, 'ws://a:1'))
    assert.deepEqual(
      all.list(100).map(({ life }) => life),
      [2],
    )
  })

  test('under another id takes the place of whoever had its address', () => {
    const all = directory()
    accept(all, 0, broker('drawn-1', 1, 'ws://a:1'))
    accept(all, 0, broker('drawn-2', 2, 'ws://a:2'))
    accept(all, 100, { ...broker('drawn-3', 3, ''), urls: ['ws://a:1', 'ws://a:2'] })
    assert.deepEqual(ids(all, 100), ['drawn-3'])
  })

  test('is not undone by an announcement of the life before that comes late', () => {
    const all = directory()
    accept(all, 0, broker('a', 1, 'ws://a:1'))
    accept(all, 100, broker('a', 2, 'ws://a:1'))
    accept(all, 200, broker('a', 3, 'ws://a:1'))
    for (const life of [1, 2]) {
      const message = refuse(all, 300, broker('a', life, 'ws://a:1'), 'url_taken')
      assert.match(message, /ws:\/\/a:1 was taken over by broker a \(life 3\)/)
    }
    // It was alive after all: once the other one is silent, the address is its own again.
    accept(all, 200 + LEASE, broker('a', 1, 'ws://a:1'))
  })
})

describe('two processes that claim the same', () => {
  test('one id at two addresses: the second is refused, until the first is gone', () => {
    const all = directory()
    accept(all, 0, broker('a', 1, 'ws://a:1'))
    const message = refuse(all, 5_999, broker('a', 2, 'ws://b:1'), 'id_taken')
    assert.match(message, /broker id a is taken by broker a \(life 1\) at ws:\/\/a:1/)
    assert.match(message, /another id.*6000 ms/)
    accept(all, 6_000, broker('a', 2, 'ws://b:1'))
  })

  test('one address for two: they do not take turns', () => {
    const all = directory()
    accept(all, 0, broker('a', 1, 'ws://x:1'))
    accept(all, 100, broker('b', 2, 'ws://x:1'))
    const { version } = all
    for (let now = 200; now < 20_000; now += 1_000) {
      refuse(all, now, broker('a', 1, 'ws://x:1'), 'url_taken')
      accept(all, now, broker('b', 2, 'ws://x:1'))
    }
    assert.equal(all.version, version)
  })

  test('an id that is taken is refused even where the address alone would be a restart', () => {
    const all = directory()
    accept(all, 0, broker('a', 1, 'ws://a:1'))
    accept(all, 0, broker('b', 2, 'ws://b:1'))
    refuse(all, 1, broker('a', 3, 'ws://b:1'), 'id_taken')
    assert.deepEqual(ids(all, 1), ['a', 'b'])
  })
})

describe('another data centre than before', () => {
  test('is refused within a life, at its address, and under another id; both are named', () => {
    const all = directory()
    accept(all, 0, broker('a', 1, 'ws://a:1', 'sz'))
    const claims = [
      broker('a', 1, 'ws://a:1', 'sh'),
      broker('a', 1, 'ws://a:2', 'sh'),
      broker('a', 2, 'ws://a:1', 'sh'),
      broker('b', 2, 'ws://a:1', 'sh'),
    ]
    for (const claim of claims) {
      assert.match(refuse(all, 100, claim, 'idc_changed'), /IDC sz as broker a, and now IDC sh/)
    }
  })

  test('is accepted once the broker has closed, or was silent for the lease', () => {
    const all = directory()
    accept(all, 0, broker('a', 1, 'ws://a:1', 'sz'))
    all.withdraw(100, 'a', 1)
    accept(all, 101, broker('a', 2, 'ws://a:1', 'sh'))
    accept(all, 101 + LEASE, broker('a', 3, 'ws://a:1', 'sz'))
  })
})

describe('a broker that closes', () => {
  test('is gone at once, and no announcement it sent before brings it back', () => {
    const all = directory()
    accept(all, 0, broker('a', 1, 'ws://a:1'))
    const { version } = all
    assert.equal(all.withdraw(10, 'a', 1), true)
    assert.equal(all.version, version + 1)
    refuse(all, 11, broker('a', 1, 'ws://a:1'), 'withdrawn')
    assert.deepEqual(ids(all, 11), [])
  })

  test('may return if it only takes nobody for a while', () => {
    const all = directory()
    accept(all, 0, broker('a', 1, 'ws://a:1'))
    assert.equal(all.withdraw(10, 'a', 1, true), true)
    assert.deepEqual(ids(all, 11), [])
    accept(all, 12, broker('a', 1, 'ws://a:1'))
    assert.equal(all.withdraw(13, 'a', 1), true)
    refuse(all, 14, broker('a', 1, 'ws://a:1'), 'withdrawn')
  })

  test('takes nobody with it: not the life after it, nor another broker', () => {
    const all = directory()
    accept(all, 0, broker('a', 1, 'ws://a:1'))
    accept(all, 1, broker('a', 2, 'ws://a:1'))
    const { version } = all
    assert.equal(all.withdraw(2, 'a', 1), false)
    assert.equal(all.withdraw(2, 'b', 2), false)
    assert.deepEqual([ids(all, 2), all.version], [['a'], version])
  })
})

describe('bounds', () => {
  test('one broker more than there may be is refused; those known go on', () => {
    const all = directory(3)
    for (const id of ['a', 'b', 'c']) accept(all, 0, broker(id, 1, `ws://${id}:1`))
    assert.match(refuse(all, 1, broker('d', 1, 'ws://d:1'), 'registry_full'), /its 3 brokers/)
    accept(all, 1, broker('c', 1, 'ws://c:1'))
    accept(all, 1, broker('other', 9, 'ws://c:1'))
    accept(all, LEASE, broker('d', 1, 'ws://d:1'))
  })

  test('goodbyes without end are not all remembered', () => {
    const all = directory()
    for (let life = 1; life <= 5_000; life += 1) all.withdraw(0, 'nobody', life)
    refuse(all, 1, broker('a', 5_000, 'ws://a:1'), 'withdrawn')
    accept(all, 1, broker('a', 1, 'ws://a:1'))
  })
})
