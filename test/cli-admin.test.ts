/**
 * Operators at a terminal: what the commands ask of the admin API, what they print, and how they end.
 * The API is a scripted one over real HTTP; only what goes over the wire counts.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { durationOf, durationText } from '../scenarios/cli/duration.ts'
import { type Ended, Finbus } from './support/finbus.ts'
import { brokerOf, clientOf, clusterOf, topicOf } from './support/sample-cluster.ts'
import { refusal, reportOf, ScriptedAdmin } from './support/scripted-admin.ts'
import { story, type World } from './support/world.ts'

const BECAUSE = ['--reason', 'a bad release']

const adminIn = async (world: World): Promise<ScriptedAdmin> => {
  const admin = await ScriptedAdmin.start()
  world.later(() => admin.close())
  return admin
}

const finbus = (admin: ScriptedAdmin, args: readonly string[], env = {}): Promise<Ended> =>
  new Finbus(args, { FINBUS_ADMIN: admin.url, ...env }).ended

describe('what operators do', () => {
  const does: [string, string[], string, string, object][] = [
    [
      'a circuit is forced',
      ['force', 'account.balance', '--to', 'open', '--for', '10m', '--replace'],
      'POST',
      '/v1/circuits/account.balance/force',
      { to: 'open', forMs: 600_000, replace: true },
    ],
    [
      'a circuit of one requester is forced, by its name',
      ['force', 'account.balance', '--to', 'closed', '--instance', 'teller-sh'],
      'POST',
      '/v1/circuits/account.balance/force',
      { to: 'closed', requester: 'i-teller-sh' },
    ],
    [
      'queues of an IDC are forced',
      ['force', 'account.balance', '--to', 'probe', '--what', 'queues', '--idc', 'sz'],
      'POST',
      '/v1/queues/force',
      { topic: 'account.balance', idc: 'sz', to: 'probe' },
    ],
    [
      'an IDC is isolated',
      ['isolate', 'sz', '--topic', 'account.balance', '--for', '500ms'],
      'POST',
      '/v1/idcs/sz/isolate',
      { topic: 'account.balance', forMs: 500 },
    ],
    ['and restored', ['restore', 'sz'], 'POST', '/v1/idcs/sz/restore', {}],
    [
      'an instance is held',
      ['hold', 'account.balance', 'accounts-1', '--broker', 'sz-1'],
      'POST',
      '/v1/topics/account.balance/hold',
      { instance: 'i-accounts-1', broker: 'sz-1' },
    ],
    [
      'and released',
      ['release', 'account.balance', 'i-accounts-1'],
      'POST',
      '/v1/topics/account.balance/release',
      { instance: 'i-accounts-1' },
    ],
    [
      'limits are changed, and no others',
      ['limits', 'account.balance', '--max-depth', '500'],
      'PATCH',
      '/v1/topics/account.balance/limits',
      { maxDepth: 500 },
    ],
    [
      'a broker is drained',
      ['drain', 'sz-1', '--within', '5s'],
      'POST',
      '/v1/brokers/sz-1/drain',
      { withinMs: 5_000 },
    ],
    ['and resumed', ['resume', 'sz-1'], 'POST', '/v1/brokers/sz-1/resume', {}],
    [
      'a client is kicked',
      ['kick', 'teller-sz', '--ban', '1.5s'],
      'POST',
      '/v1/sessions/i-teller-sz/kick',
      { banMs: 1_500 },
    ],
  ]
  for (const [what, args, method, path, body] of does) {
    story(what, async (world) => {
      const admin = await adminIn(world)
      const { code, out, err } = await finbus(admin, [...args, ...BECAUSE, '--operator', 'anna'])
      assert.deepEqual([code, err], [0, ''])
      assert.match(out, /done by 2 brokers and 3 clients; 3 circuits/)
      const [asked, ...more] = admin.acted
      assert.deepEqual(more, [])
      assert.deepEqual([asked?.method, asked?.path], [method, path])
      assert.deepEqual(asked?.body, { ...body, reason: 'a bad release' })
      assert.equal(asked?.headers['x-finbus-operator'], 'anna')
      assert.equal(asked?.headers['content-type'], 'application/json')
    })
  }

  story(
    'whoever gave no answer is named; before and now are told; --json says it all',
    async (world) => {
      const admin = await adminIn(world)
      const silent = [{ node: 'web-1\u001b[2J', why: 'no answer in time' }]
      const report = reportOf({ silent, before: { to: 'auto' }, after: { to: 'open' } })
      admin.onAction = () => ({ body: report })
      const args = ['force', 'account.balance', '--to', 'open', ...BECAUSE]
      const [told, json] = await Promise.all([
        finbus(admin, args),
        finbus(admin, [...args, '--json']),
      ])
      assert.match(told.out, /before: \{"to":"auto"\}\n {2}now: {4}\{"to":"open"\}/)
      assert.match(told.err, /not all did it[\s\S]*web-1 \[2J: no answer in time/)
      assert.deepEqual(JSON.parse(json.out), { ok: true, ...report })
      assert.deepEqual([told.code, json.code, json.err], [0, 0, ''])
    },
  )

  story('a name that nobody has changes nothing, and the nearest one is told', async (world) => {
    const admin = await adminIn(world)
    const held = [{ instance: 'i-old', reason: 'x', leftMs: 5 }]
    admin.snapshot = clusterOf({
      brokers: [brokerOf('sz-1', 'sz', [topicOf({ held })])],
      clients: [clientOf('web', 'sz'), clientOf('web', 'sh', [], { instance: 'i-web-2' })],
    })
    const wrong: [string[], RegExp][] = [
      [
        ['force', 'acount.balance', '--to', 'open'],
        /"acount\.balance" \(did you mean account\.balance\?\)/,
      ],
      [['isolate', 'sx'], /there is no IDC "sx" \(did you mean s[zh]\?\)/],
      [['drain', 'sz-2'], /there is no broker "sz-2" \(did you mean sz-1\?\)/],
      [['kick', 'wib'], /no instance is "wib".* \(did you mean web\?\)[\s\S]*finbus sessions/],
      [['kick', 'web'], /2 instances are called web; say which[\s\S]*i-web, i-web-2/],
    ]
    for (const [args, says] of wrong) {
      const { code, err } = await finbus(admin, [...args, ...BECAUSE])
      assert.match(err, says)
      assert.equal(code, 1)
    }
    assert.deepEqual(admin.acted, [])
    const released = await finbus(admin, ['release', 'account.balance', 'i-old', ...BECAUSE])
    assert.equal(released.code, 0, 'one that is held and gone')
  })

  const senseless: [string[], RegExp][] = [
    [['isolate', 'sz'], /required option '--reason <text>' not specified/],
    [['isolate', 'sz', '--reason', ' '], /--reason must be 1 to 500 characters; got 0/],
    [['isolate', 'sz', ...BECAUSE, '--for', '5 minutes'], /--for must be a time such as 500ms/],
    [['isolate', 'sz', ...BECAUSE, '--for', '25h'], /--for must be from 1ms to 24h; got "25h"/],
    [['force', 'a.b', ...BECAUSE], /required option '--to <state>'/],
    [['force', 'a.b', '--to', 'opn', ...BECAUSE], /Allowed choices are open, closed, probe, auto/],
    [['force', 'a.b', '--to', 'open', '--idc', 'sz', ...BECAUSE], /--idc is for --what queues/],
    [['limits', 'a.b', ...BECAUSE], /say which limit/],
    [
      ['limits', 'a.b', '--max-depth', '0', ...BECAUSE],
      /--max-depth must be a whole number from 1/,
    ],
    [['islate', 'sz'], /unknown command 'islate'[\s\S]*isolate/],
    [['top', '--admin', 'ws://a:1'], /--admin must be http:.*got "ws:\/\/a:1"/],
    [['top', '--admin', 'off'], /admin is off here/],
    [['top', '--operator', 'a b'], /--operator must be 1 to 64 letters/],
    [['top', '--token', 'x'], /--token-file or FINBUS_TOKEN/],
    [['timeline', '--limit', '0'], /--limit must be a whole number from 1/],
    [['trace', 'a b'], /a correlation id has/],
  ]
  test('what makes no sense is said before anybody is asked, exit code 2', async () => {
    for (const [args, says] of senseless) {
      const { code, out, err } = await new Finbus(args).ended
      assert.match(err, says)
      assert.deepEqual([code, out], [2, ''], args.join(' '))
    }
  })
})

describe('an admin API that says no', () => {
  const refusals: [number, string, RegExp][] = [
    [401, 'unauthenticated', /--token-file FILE or FINBUS_TOKEN/],
    [403, 'forbidden', /"admin": "act"/],
    [409, 'conflict', /--replace overrules/],
    [503, 'draining', /finbus top --once/],
    [400, 'invalid_argument', /a sentence of the API/],
  ]
  story('is told in its own words, with what to do, exit code 1', async (world) => {
    const admin = await adminIn(world)
    for (const [status, code, remedy] of refusals) {
      admin.onAction = () => refusal(status, code, 'a sentence of the API')
      const ended = await finbus(admin, ['isolate', 'sz', ...BECAUSE])
      assert.match(ended.err, new RegExp(`^error: ${code}: a sentence of the API`))
      assert.match(ended.err, remedy)
      assert.equal(ended.code, 1)
    }
    const json = await finbus(admin, ['isolate', 'sz', ...BECAUSE, '--json'])
    const { ok, error } = JSON.parse(json.out) as { ok: boolean; error: object }
    assert.equal(ok, false)
    assert.deepEqual(
      { ...error, message: '' },
      {
        ...{ name: 'Failure', code: 'invalid_argument', status: 400, message: '' },
      },
    )
  })

  story('is not there, is something else, or speaks another version', async (world) => {
    const gone = await ScriptedAdmin.start()
    await gone.close()
    const nobody = await finbus(gone, ['top', '--once'])
    assert.match(nobody.err, /nobody listens at http:.*ECONNREFUSED[\s\S]*finbus start --admin/)
    assert.equal(nobody.code, 1)

    const admin = await adminIn(world)
    admin.says.set('/v1/snapshot', '<html>')
    assert.match((await finbus(admin, ['idcs'])).err, /no admin API of finbus/)
    admin.says.set('/v1/snapshot', { ...clusterOf(), brokers: [{ id: 'sz-1' }] })
    const strange = await finbus(admin, ['circuits'])
    assert.match(strange.err, /cannot read: brokers\.0\.idc/)
    assert.equal(strange.code, 1)
  })

  story('a token is shown as it should be, and then no name', async (world) => {
    const admin = await adminIn(world)
    const folder = mkdtempSync(join(tmpdir(), 'finbus-admin-'))
    world.later(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'token'), 'a-token-of-anna-1\n')
    await finbus(admin, ['idcs', '--token-file', join(folder, 'token')])
    const { headers } = admin.asked[0]!
    assert.equal(headers.authorization, 'Bearer a-token-of-anna-1')
    assert.equal(headers['x-finbus-operator'], undefined)
    await finbus(admin, ['idcs'], { FINBUS_TOKEN: 'a-token-of-anna-2' })
    assert.equal(admin.asked[1]!.headers.authorization, 'Bearer a-token-of-anna-2')
  })
})

test('times are read as they are typed, and told in the largest whole unit', () => {
  const bounds = { leastMs: 1, mostMs: 86_400_000 }
  const read = (text: string): number => durationOf('--for', text, bounds)
  assert.deepEqual(['500ms', '60s', '10m', '2h', '250', '1.5s'].map(read), [
    ...[500, 60_000, 600_000, 7_200_000, 250, 1_500],
  ])
  for (const text of ['', '-1', '1d', '1e3', 's', '0', '5 s', 'Infinity']) {
    assert.throws(() => read(text), /--for must be/)
  }
  assert.deepEqual([500, 60_000, 90_000, 7_200_000].map(durationText), ['500ms', '1m', '90s', '2h'])
})
