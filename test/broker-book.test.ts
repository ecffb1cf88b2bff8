/** Which link a broker gets that a registry tells of: rules over links that nobody dials. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Advisory } from '../bus/advisory.ts'
import { Prng } from '../bus/prng.ts'
import { BrokerBook } from '../rr-client/core/broker-book.ts'
import { BrokerLink } from '../rr-client/core/broker-link.ts'
import type { ClientCore } from '../rr-client/core/client-core.ts'
import type { FoundBroker } from '../rr-client/core/registry-list.ts'

const MINUTE = 60_000

/** A core that only keeps links, and a book over it. */
const town = () => {
  const links: BrokerLink[] = []
  const told: Advisory[] = []
  const effects = { advise: (advisory: Advisory) => told.push(advisory) }
  const core = {
    state: { links, effects, prng: new Prng(1) },
    addBroker: (_now: number, url: string, idc: string) => {
      const link = new BrokerLink(links.length, url)
      link.idc = idc
      link.state = 'connecting'
      links.push(link)
      return link
    },
  }
  return { links, told, book: new BrokerBook(core as unknown as ClientCore) }
}

const broker = (id: string, life: number, urls: string[], ageMs = 0): FoundBroker => ({
  id,
  life,
  idc: 'sz',
  urls,
  ageMs,
})

const urlsOf = (links: readonly BrokerLink[]): string[] => links.map(({ url }) => url)

describe('a broker that registries tell of', () => {
  test('gets one link, however often and by whom it is told of, and whatever its addresses', () => {
    const { links, told, book } = town()
    for (let now = 0; now < 5; now += 1) book.take(now, broker('a', 1, ['ws://a:1', 'ws://a:2']))
    book.take(5, broker('a', 1, ['ws://a:2', 'ws://a:3']))
    assert.equal(links.length, 1)
    assert.equal(told.filter(({ kind }) => kind === 'broker_found').length, 2)
  })

  test('is dialled at each of its addresses in turn, and round again', () => {
    const { links, book } = town()
    book.take(0, broker('a', 1, ['ws://a:1', 'ws://a:2', 'ws://a:3']))
    const [link] = links as [BrokerLink]
    const tried = [1, 2, 3].map(() => {
      book.onGone(link)
      return link.url
    })
    assert.deepEqual(tried, ['ws://a:2', 'ws://a:3', 'ws://a:1'])
  })

  test('that moved while its link was down is dialled there soon, not after the back-off', () => {
    const { links, book } = town()
    book.take(0, broker('a', 1, ['ws://a:1']))
    const [link] = links as [BrokerLink]
    Object.assign(link, { state: 'waiting', redialAt: 5_000, twin: new BrokerLink(1, 'ws://x:1') })
    book.take(10, broker('a', 2, ['ws://a:2']))
    assert.deepEqual([link.url, link.twin, links.length], ['ws://a:2', undefined, 1])
    assert.ok(link.redialAt >= 10 && link.redialAt < 200, `${link.redialAt}`)
  })

  test('that is back at its address is dialled soon, too', () => {
    const { links, book } = town()
    book.take(0, broker('a', 1, ['ws://a:1']))
    Object.assign(links[0]!, { state: 'waiting', redialAt: 5_000 })
    book.take(10, broker('drawn-anew', 2, ['ws://a:1']))
    assert.ok(links[0]!.redialAt < 200)
    assert.equal(links.length, 1)
  })

  test('keeps a link that is up, whatever a registry says; the news holds once it is lost', () => {
    const { links, book } = town()
    book.take(0, broker('a', 1, ['ws://a:1']))
    const [link] = links as [BrokerLink]
    link.state = 'up'
    book.take(10, broker('a', 2, ['ws://a:2']))
    assert.deepEqual(urlsOf(links), ['ws://a:1'])
    book.onGone(link)
    assert.equal(link.url, 'ws://a:2')
  })

  test('is where it last said itself, though a copy that heard of it before answers later', () => {
    const { links, book } = town()
    book.take(1_000, broker('a', 2, ['ws://a:2'], 100))
    book.take(1_001, broker('a', 1, ['ws://a:1'], 4_000))
    assert.deepEqual(urlsOf(links), ['ws://a:2'])
  })

  test('a link of a list that was given is left alone', () => {
    const { book } = town()
    const link = new BrokerLink(0, 'ws://given:1')
    book.onGone(link)
    assert.equal(link.url, 'ws://given:1')
  })
})

describe('brokers without end', () => {
  test('one that was lost and not heard of for ten minutes gives its link to a new one', () => {
    const { links, book } = town()
    book.take(0, broker('up', 1, ['ws://up:1']))
    book.take(0, broker('gone', 2, ['ws://gone:1']))
    links[0]!.state = 'up'
    book.take(9 * MINUTE, broker('c', 3, ['ws://c:1']))
    assert.equal(links.length, 3, 'nine minutes are not long enough')
    book.take(11 * MINUTE, broker('d', 4, ['ws://d:1']))
    assert.deepEqual(urlsOf(links), ['ws://up:1', 'ws://d:1', 'ws://c:1'])
    // It was not gone for good: it is a broker like any other.
    book.take(12 * MINUTE, broker('gone', 5, ['ws://gone:1']))
    assert.equal(links.length, 4)
  })

  test('a thousand are linked and no more, which is said once', () => {
    const { links, told, book } = town()
    for (let i = 0; i < 1_005; i += 1) book.take(i, broker(`b${i}`, i + 1, [`ws://b${i}:1`]))
    assert.equal(links.length, 1_000)
    const refused = told.flatMap((fact) => (fact.kind === 'registry_refused' ? [fact.code] : []))
    assert.deepEqual(refused, ['too_many_brokers'])
  })
})
