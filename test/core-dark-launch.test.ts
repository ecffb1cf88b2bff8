/** Dark launch in the virtual world: who is sent where, and what becomes of it when nobody is there. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeHeaders, OwnHeader } from '../bus/headers.ts'
import type { DarkLaunchRule } from '../bus/rules.ts'
import { shareOf } from '../rr-client/core/dark-launch.ts'
import type { CallAsk, VirtualCall } from '../scenarios/sim/world/calls.ts'
import { type ClientNode, TOPIC } from '../scenarios/sim/world/client-node.ts'
import { type Handler, neverReplies, replies } from '../scenarios/sim/world/handlers.ts'
import { World } from '../scenarios/sim/world/world.ts'

const FLAGGED: CallAsk = { headers: { flag: 'v2' } }
const TO_FLAGGED: DarkLaunchRule = { topic: TOPIC, to: 'v2', when: { header: { flag: 'v2' } } }
const STRICT: DarkLaunchRule = { ...TO_FLAGGED, otherwise: 'strict' }
const byPercent = (percent: number): DarkLaunchRule => ({
  topic: 'account.*',
  to: 'v2',
  when: { percent },
})

/** One broker, two ordinary instances, one with label v2, and a requester. */
const launch = (rules: DarkLaunchRule[], handler: Handler = replies()) => {
  const world = new World()
  const broker = world.broker('b1')
  if (rules.length > 0) broker.setRules(rules, 1)
  const plain = [world.client('A'), world.client('B')]
  for (const client of plain) client.answer(replies())
  const gray = world.client('V', { label: 'v2' })
  gray.answer(handler)
  const r = world.client('R')
  world.run(500)
  return { world, broker, plain, gray, r }
}

/** Calls, a few at a time; all of them must have been settled by the end. */
const callAll = (world: World, r: ClientNode, asks: readonly CallAsk[]): VirtualCall[] => {
  const calls: VirtualCall[] = []
  for (let i = 0; i < asks.length; i += 50) {
    for (const ask of asks.slice(i, i + 50)) calls.push(r.call(ask))
    world.run(4)
  }
  world.run(50)
  return calls
}

const leave = (world: World, client: ClientNode): void => {
  client.leave()
  world.clients.delete(client)
}

const times = (count: number, ask: CallAsk): CallAsk[] => Array.from({ length: count }, () => ask)
const keyed = (count: number): CallAsk[] =>
  Array.from({ length: count }, (_, i) => ({ key: `account-${i}` }))
const ends = (calls: readonly VirtualCall[]): string[] => [...new Set(calls.map(({ end }) => end))]

/** Those of the calls that ran there. */
const ranAt = (world: World, r: ClientNode, { instance }: ClientNode, calls: VirtualCall[]) =>
  calls.filter((call) => world.ledger.of(r.idOf(call)).some((run) => run.instance === instance))

const keysOf = (calls: readonly VirtualCall[]): string[] => calls.map(({ ask }) => ask.key!).sort()

describe('who goes where', () => {
  test('every flagged call, a tenth of the keys and always the same ones; and nothing else', () => {
    const { world, plain, gray, r } = launch([TO_FLAGGED, byPercent(10)])
    const flagged = callAll(world, r, times(200, FLAGGED))
    assert.deepEqual(ends(flagged), ['reply'])
    assert.equal(ranAt(world, r, gray, flagged).length, 200)

    const first = callAll(world, r, keyed(20_000))
    assert.deepEqual(ends(first), ['reply'])
    const meant = keysOf(ranAt(world, r, gray, first))
    assert.ok(Math.abs(meant.length - 2_000) <= 200, `${meant.length} of 20,000`)
    const again = callAll(world, r, keyed(20_000))
    assert.deepEqual(keysOf(ranAt(world, r, gray, again)), meant)

    const others = callAll(world, r, [
      ...times(300, {}),
      ...times(100, { headers: { flag: 'v1' } }),
      ...times(100, { label: 'v2' }),
    ])
    assert.deepEqual(ends(others), ['reply'])
    assert.equal(ranAt(world, r, gray, others).length, 0)
    for (const client of plain) assert.ok(ranAt(world, r, client, others).length > 150)
    const { launched, launchFallbacks } = r.core.state.counters
    assert.deepEqual([launched, launchFallbacks], [200 + 2 * meant.length, 0])
    world.assertQuiet()
  })

  test('a call carries the label of its rule, in place of its own, for the calls made for it', () => {
    const { world, r } = launch([TO_FLAGGED])
    const labelOf = (ask: CallAsk): string | undefined => {
      const { headers } = r.call(ask).future!.facts
      return decodeHeaders(headers, 0, headers.length)[OwnHeader.label]
    }
    r.call({})
    world.run(10)
    assert.equal(labelOf({}), undefined)
    assert.equal(labelOf({ label: 'mine' }), 'mine')
    assert.equal(labelOf(FLAGGED), 'v2')
    assert.equal(labelOf({ ...FLAGGED, label: 'mine' }), 'v2')
    world.run(10)
    world.assertQuiet()
  })

  test('a larger percentage only adds keys; 0 means nobody, 100 every call with a key', () => {
    const { world, broker, gray, r } = launch([byPercent(0)])
    const meant: string[][] = []
    for (const [step, percent] of [0, 0.05, 10, 30, 100].entries()) {
      if (percent > 0) broker.setRules([byPercent(percent)], step + 1)
      world.run(10)
      meant.push(keysOf(ranAt(world, r, gray, callAll(world, r, keyed(3_000)))))
    }
    assert.deepEqual([meant[0]!.length, meant[4]!.length], [0, 3_000])
    assert.ok(meant[1]!.length > 0 && meant[1]!.length < 10, `${meant[1]!.length} of 3,000`)
    for (let i = 1; i < meant.length; i++) {
      const more = new Set(meant[i])
      assert.ok(
        meant[i - 1]!.every((key) => more.has(key)),
        `step ${i} drops keys`,
      )
    }
    assert.equal(ranAt(world, r, gray, callAll(world, r, times(100, {}))).length, 0)
    world.assertQuiet()
  })

  test('all conditions of a rule must hold, and the first rule that fits decides', () => {
    const { world, plain, gray, r } = launch([
      {
        topic: TOPIC,
        to: 'v3',
        when: { header: { flag: 'v2', tier: 'gold' } },
        otherwise: 'strict',
      },
      { topic: '*', to: 'v2', when: { header: { flag: 'v2' }, percent: 50, label: 'test' } },
    ])
    const third = world.client('W', { label: 'v3' })
    third.answer(replies())
    world.run(100)
    const key = (isMeant: boolean): string =>
      ['a', 'b', 'c', 'd', 'e', 'f', 'g'].find((k) => shareOf(k) < 5_000 === isMeant)!
    const all = { headers: { flag: 'v2' }, key: key(true), label: 'test' }
    const where = (ask: CallAsk): string => {
      const [call] = callAll(world, r, [ask])
      const here = [third, gray, ...plain].find((c) => ranAt(world, r, c, [call!]).length > 0)
      return here?.facts.label ?? call!.end
    }
    assert.equal(where(all), 'v2')
    assert.equal(where({ ...all, headers: { flag: 'v2', tier: 'gold' } }), 'v3')
    for (const but of [{ key: key(false) }, { label: 'v2' }, { headers: { flag: 'V2' } }]) {
      assert.equal(where({ ...all, ...but }), '', JSON.stringify(but))
    }
    const { key: _, ...keyless } = all
    assert.equal(where(keyless), '')
    world.assertQuiet()
  })

  test('without rules, or with rules for other topics, a label means nothing', () => {
    for (const rules of [[], [{ ...TO_FLAGGED, topic: 'account.balances' }]]) {
      const { world, gray, r } = launch(rules)
      const calls = callAll(world, r, times(300, {}))
      const share = ranAt(world, r, gray, calls).length
      assert.ok(share > 60 && share < 140, `${share} of 300`)
      assert.equal(ranAt(world, r, gray, callAll(world, r, times(50, FLAGGED))).length > 0, true)
      world.assertQuiet()
    }
  })

  test('only instances are there that rules set apart: other calls fail at once and say why', () => {
    const { world, plain, r } = launch([TO_FLAGGED])
    r.call({})
    for (const client of plain) leave(world, client)
    world.run(500)
    const [call] = callAll(world, r, [{}])
    assert.equal(call!.end, 'no_responder not_executed')
    assert.match(call!.error!.message, /only instances with label v2 answer account\.balance/)
    assert.ok(call!.tookMs <= 50, `${call!.tookMs} ms`)
    assert.deepEqual(ends(callAll(world, r, [FLAGGED])), ['reply'])
    world.assertQuiet()
  })
})

describe('nobody with the label is there', () => {
  for (const way of ['kill', 'leave'] as const) {
    test(`${way}: the others take over, all calls succeed, and nobody is blamed`, () => {
      const { world, plain, gray, r } = launch([TO_FLAGGED])
      callAll(world, r, times(100, FLAGGED))
      if (way === 'kill') world.kill(gray)
      else leave(world, gray)
      world.run(5)
      const calls = callAll(world, r, [...times(300, FLAGGED), ...times(100, {})])
      assert.deepEqual(ends(calls), ['reply'])
      for (const client of plain) assert.ok(ranAt(world, r, client, calls).length > 120)
      const { isolations, retries, launchFallbacks } = r.core.state.counters
      assert.deepEqual([isolations, retries, launchFallbacks], [0, 0, 300])
      const { headers } = calls[0]!.future!.facts
      assert.equal(decodeHeaders(headers, 0, headers.length)[OwnHeader.label], 'v2')
      world.assertQuiet()
    })

    test(`${way}: a strict rule lets the call fail within 50 ms, and nobody is blamed`, () => {
      const { world, plain, gray, r } = launch([byPercent(0), STRICT])
      callAll(world, r, times(100, FLAGGED))
      if (way === 'kill') world.kill(gray)
      else leave(world, gray)
      world.run(5)
      const calls = callAll(world, r, times(200, FLAGGED))
      assert.deepEqual(ends(calls), ['no_responder not_executed'])
      assert.ok(Math.max(...calls.map(({ tookMs }) => tookMs)) <= 50)
      const { details, message } = calls[0]!.error!
      assert.equal(details.label, 'v2')
      assert.match(message, /dark-launch rule 2 of version 1 .*account\.balance.* label "v2"/)
      const { isolations, retries, launchFallbacks } = r.core.state.counters
      assert.deepEqual([isolations, retries, launchFallbacks], [0, 0, 0])
      const others = callAll(world, r, times(200, {}))
      assert.deepEqual(ends(others), ['reply'])
      for (const client of plain) assert.ok(ranAt(world, r, client, others).length > 70)
      world.assertQuiet()
    })
  }

  test('it comes back: the next call is its again', () => {
    const { world, gray, r } = launch([TO_FLAGGED])
    world.kill(gray)
    callAll(world, r, times(50, FLAGGED))
    const back = world.client('V', { label: 'v2' })
    back.answer(replies())
    world.run(500)
    const calls = callAll(world, r, times(50, FLAGGED))
    assert.equal(ranAt(world, r, back, calls).length, 50)
    world.assertQuiet()
  })

  test('with waitForResponder a strict call waits for it, and for a rule that lets it go', () => {
    for (const end of ['instance', 'no rule', 'another rule'] as const) {
      const { world, broker, gray, r } = launch([STRICT])
      world.kill(gray)
      world.run(500)
      const call = r.call({ ...FLAGGED, waitForResponder: true, timeoutMs: 10_000 })
      world.run(2_000)
      assert.equal(call.end, 'open')
      if (end === 'instance') world.client('V', { label: 'v2' }).answer(replies())
      else broker.setRules(end === 'no rule' ? [] : [TO_FLAGGED], 2)
      world.run(300)
      assert.equal(call.end, 'reply')
      world.assertQuiet()
    }
  })

  test('it hangs: once it is isolated the others take its calls, and its probes are calls meant for it', () => {
    const { world, plain, gray, r } = launch([TO_FLAGGED], neverReplies)
    const calls: VirtualCall[] = []
    for (let i = 0; i < 400; i++) {
      calls.push(r.call({ timeoutMs: 200 }), r.call({ ...FLAGGED, timeoutMs: 200 }))
      world.run(10)
    }
    world.run(500)
    const isFlagged = ({ ask }: VirtualCall): boolean => ask.headers !== undefined
    const failed = calls.filter(({ end }) => end !== 'reply')
    assert.ok(failed.every(isFlagged), 'a call failed that was not meant for it')
    assert.ok(failed.length < 60, `${failed.length} failed`)
    assert.ok(ranAt(world, r, gray, calls).every(isFlagged))
    for (const client of plain) {
      const restored = r.advised('queue_isolated').filter((a) => a.instance === client.instance)
      assert.deepEqual(restored, [])
    }
    assert.ok(r.advised('queue_isolated').length > 0)
    world.kill(gray)
    world.assertQuiet()
  })
})

describe('rules of several brokers', () => {
  const twoBrokers = () => {
    const world = new World()
    const [one, two] = [world.broker('b1'), world.broker('b2')]
    world.client('A').answer(replies())
    const gray = world.client('V', { label: 'v2' })
    gray.answer(replies())
    const r = world.client('R')
    world.run(500)
    const isGray = (): boolean => {
      world.run(50)
      return ranAt(world, r, gray, callAll(world, r, times(40, FLAGGED))).length === 40
    }
    const isApart = (): boolean =>
      ranAt(world, r, gray, callAll(world, r, times(40, {}))).length === 0
    return { world, one, two, r, isGray, isApart }
  }

  test('the highest version counts, whoever says it, and an empty list takes rules back', () => {
    const { world, one, two, r, isGray, isApart } = twoBrokers()
    assert.deepEqual([isGray(), isApart()], [false, false])
    one.setRules([TO_FLAGGED], 1)
    assert.deepEqual([isGray(), isApart()], [true, true])
    two.setRules([{ ...TO_FLAGGED, to: 'v9' }], 3)
    assert.deepEqual([isGray(), isApart()], [false, false])
    one.setRules([STRICT], 2)
    assert.deepEqual([isGray(), isApart()], [false, false])
    one.setRules([STRICT], 4)
    assert.deepEqual([isGray(), isApart()], [true, true])
    two.setRules([], 5)
    assert.deepEqual([isGray(), isApart()], [false, false])
    const told = r.advised('rules').map(({ version, rules }) => [version, rules])
    assert.deepEqual(told, [
      [1, 1],
      [3, 1],
      [4, 1],
      [5, 0],
    ])
    world.assertQuiet()
  })

  test('of equal versions all requesters follow the same, and rules go with the link they came by', () => {
    const { world, one, two, isGray, isApart } = twoBrokers()
    two.setRules([], 1)
    one.setRules([TO_FLAGGED], 1)
    assert.deepEqual([isGray(), isApart()], [true, true])
    world.kill(one)
    assert.deepEqual([isGray(), isApart()], [false, false])
    world.restart('b1').setRules([TO_FLAGGED], 1)
    world.run(3_000)
    assert.deepEqual([isGray(), isApart()], [true, true])
    world.assertQuiet()
  })

  test('a first call finds the rules with the routes; a change reaches a thousand topics and more', () => {
    const { world, broker, gray, r } = launch([TO_FLAGGED])
    const [call] = callAll(world, r, [FLAGGED])
    assert.equal(ranAt(world, r, gray, [call!]).length, 1)
    for (let i = 0; i < 2_500; i++) r.call({ topic: `account.t${i}` })
    world.run(2_000)
    const before = r.advised('rules').length
    broker.setRules([byPercent(50)], 2)
    world.run(10)
    assert.equal(r.advised('rules').length - before, 2_501)
    world.assertQuiet()
  })
})

describe('data centres', () => {
  const twoSites = (rules: DarkLaunchRule[]) => {
    const world = new World()
    for (const idc of ['sz', 'sh']) world.broker(idc, { idc }).setRules(rules, 1)
    const plain = world.client('A', { idc: 'sz' })
    plain.answer(replies())
    world.client('B', { idc: 'sh' }).answer(replies())
    const gray = (idc: string): ClientNode => {
      const client = world.client(`V${idc}`, { idc, label: 'v2' })
      client.answer(replies())
      return client
    }
    const r = world.client('R', { idc: 'sz' })
    const at = (client: ClientNode, calls: VirtualCall[]) => ranAt(world, r, client, calls).length
    return { world, plain, gray, r, at }
  }

  test('home first, then the same label elsewhere, and only then the others at home', () => {
    const { world, plain, gray, r, at } = twoSites([TO_FLAGGED])
    const [home, away] = [gray('sz'), gray('sh')]
    world.run(500)
    const first = callAll(world, r, times(100, FLAGGED))
    assert.deepEqual([at(home, first), r.core.state.counters.crossIdc], [100, 0])
    world.kill(home)
    world.run(400)
    const second = callAll(world, r, [...times(100, FLAGGED), ...times(50, {})])
    assert.deepEqual([at(away, second), at(plain, second), ends(second)], [100, 50, ['reply']])
    world.kill(away)
    world.run(400)
    const third = callAll(world, r, times(100, FLAGGED))
    assert.deepEqual([at(plain, third), ends(third)], [100, ['reply']])
    world.assertQuiet()
  })

  for (const otherwise of ['fallback', 'strict'] as const) {
    test(`${otherwise}: the very first call finds its label in another data centre`, () => {
      const { world, gray, r, at } = twoSites([{ ...TO_FLAGGED, otherwise }])
      const away = gray('sh')
      world.run(500)
      const calls = callAll(world, r, times(60, FLAGGED))
      assert.deepEqual([at(away, calls), ends(calls)], [60, ['reply']])
      world.assertQuiet()
    })
  }

  test('a broker elsewhere that does not answer keeps a call only shortly from the others', () => {
    const { world, plain, r, at } = twoSites([TO_FLAGGED])
    world.run(500)
    world.freeze(world.brokers.get('sh')!)
    const [call] = callAll(world, r, [FLAGGED])
    world.run(500)
    assert.deepEqual([at(plain, [call!]), call!.end], [1, 'reply'])
    assert.ok(call!.tookMs <= 300, `${call!.tookMs} ms`)
    world.assertQuiet()
  })
})
