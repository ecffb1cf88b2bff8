/** The admin side as part of a broker: how it starts and ends, what it serves, and how brokers find each other. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { connect as connectTo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClusterSnapshot, TryItAnswer } from '../broker/admin/api.ts'
import { Metrics } from '../broker/admin/metrics.ts'
import { type BrokerOptions, startBroker } from '../broker/index.ts'
import { certificates } from './support/certificates.ts'
import { ask, registry } from './support/registry.ts'
import { listen } from './support/sse.ts'
import { admin, FakeSteering, say } from './support/steering.ts'
import { failure, story, until } from './support/world.ts'

const ANYWHERE = 'http://127.0.0.1:0'

story('every route is described, and every description is a route', async (world) => {
  const { url } = await admin(world, new FakeSteering('b1'))
  const { status, body } = await say(url, 'GET', '/v1/openapi.json')
  assert.equal(status, 200)
  const paths = body.paths as Record<string, Record<string, { security?: object[] }>>
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  assert.deepEqual(described.sort(), [
    ...['GET /', 'GET /livez', 'GET /metrics', 'GET /readyz', 'GET /v1/advisories'],
    ...['GET /v1/audit', 'GET /v1/circuits', 'GET /v1/idcs', 'GET /v1/openapi.json'],
    ...['GET /v1/queues', 'GET /v1/sessions', 'GET /v1/snapshot', 'GET /v1/timeline'],
    ...['GET /v1/topics', 'GET /v1/topics/{topic}', 'GET /v1/trace/{correlationId}'],
    ...['PATCH /v1/topics/{topic}/limits', 'POST /v1/brokers/{broker}/drain'],
    ...['POST /v1/brokers/{broker}/resume', 'POST /v1/circuits/{topic}/force'],
    ...['POST /v1/idcs/{idc}/isolate', 'POST /v1/idcs/{idc}/restore', 'POST /v1/marks'],
    ...['POST /v1/queues/force', 'POST /v1/request', 'POST /v1/sessions/{instance}/kick'],
    ...['POST /v1/topics/{topic}/hold', 'POST /v1/topics/{topic}/release'],
  ])
  for (const route of described) {
    const [method = '', path = ''] = route.split(' ')
    if (path === '/v1/advisories') continue
    const said = await say(
      url,
      method,
      path.replaceAll(/\{\w+\}/g, 'x'),
      method === 'GET' ? undefined : {},
    )
    // Nothing that was described is missing; what is refused is refused for what was sent.
    assert.notEqual(
      said.body.error?.message,
      'nothing is here; /v1/openapi.json says what there is',
      route,
    )
    assert.notEqual(said.status, 405, route)
    const isOpen = ['/', '/livez', '/readyz'].includes(path)
    assert.equal(paths[path]![method.toLowerCase()]!.security === undefined, isOpen, route)
  }
  const nothing = await say(url, 'GET', '/v1/toppics')
  assert.deepEqual([nothing.status, nothing.body.error.code], [404, 'not_found'])
  const method = await say(url, 'DELETE', '/v1/topics/x/limits')
  assert.deepEqual([method.status, /takes PATCH/.test(method.body.error.message)], [405, true])
})

story('metrics are what they who keep them say', async (world) => {
  const heard: string[] = []
  const metrics = {
    contentType: 'text/plain; version=0.0.4',
    onReport: () => heard.push('report'),
    onMalformed: () => heard.push('malformed'),
    onClient: () => heard.push('client'),
    onAdvisory: () => heard.push('advisory'),
    text: async ({ id }: { id: string }) => `finbus_up{broker="${id}"} 1\n`,
  }
  const steering = new FakeSteering('b1')
  const { url } = await admin(world, steering, { metrics })
  const client = steering.link('c1')
  steering.report(client, {})
  steering.report(client, { n: 0 })
  steering.report(client, { n: 1 })
  steering.watcher!.clientIs(client, 'lost')
  steering.watcher!.advised({ kind: 'resumed' })
  const { status, body, headers } = await say(url, 'GET', '/metrics')
  assert.deepEqual([status, body.text], [200, 'finbus_up{broker="b1"} 1\n'])
  assert.match(headers.get('content-type')!, /version=0.0.4/)
  assert.deepEqual(heard, ['report', 'malformed', 'client', 'advisory'])
  const without = await admin(world, new FakeSteering('b2'))
  assert.equal((await say(without.url, 'GET', '/metrics')).status, 501)
})

story('the admin side tells Prometheus of itself', async (world) => {
  const metrics = new Metrics({ broker: 'b1', idc: 'sz', version: '1.2.3' })
  const steering = new FakeSteering('b1')
  const { url } = await admin(world, steering, { metrics })
  const client = steering.link('c1')
  steering.report(client, {})
  steering.report(client, { n: 0 })
  await say(url, 'GET', '/v1/nothing')
  await say(url, 'GET', '/v1/topics/a..b')
  const text = String((await say(url, 'GET', '/metrics')).body.text)
  const lines = [
    ...['requests_refused"} 2', 'reports_malformed"} 1', 'listeners_dropped"} 0'],
    ...['peers_failed"} 0', 'actions_refused"} 0', 'orders_unanswered"} 0'],
  ]
  for (const line of lines)
    assert.ok(text.includes(`finbus_admin_events_total{event="${line}`), line)
  assert.match(text, /^finbus_admin_clients 1$/m)
})

/** A request for exactly this path, which no client library has tidied up. */
const raw = (url: string, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { port, host } = new URL(url)
    const socket = connectTo(Number(port), '127.0.0.1')
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (piece) => {
      text += piece
    })
    socket.once('end', () => resolve(text))
    socket.once('error', reject)
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
  })

story(
  'the dashboard: its files and no others, guarded against what others put into pages',
  async (world) => {
    const folder = mkdtempSync(join(tmpdir(), 'finbus-pages-'))
    world.later(() => rmSync(folder, { recursive: true }))
    mkdirSync(join(folder, 'dashboard', 'assets'), { recursive: true })
    const dashboard = join(folder, 'dashboard')
    writeFileSync(join(folder, 'secret.html'), 'a secret')
    writeFileSync(join(dashboard, 'index.html'), '<!doctype html><title>finbus</title>')
    writeFileSync(join(dashboard, 'assets', 'main-a1B2c3D4.js'), 'let a')
    writeFileSync(join(dashboard, 'notes.txt'), 'not for pages')
    const { url } = await admin(world, new FakeSteering('b1'), { dashboard })
    const page = await say(url, 'GET', '/')
    assert.deepEqual([page.status, page.body.text], [200, '<!doctype html><title>finbus</title>'])
    const policy = page.headers.get('content-security-policy')!
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/)
    assert.match(policy, /frame-ancestors 'none'$/)
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff')
    assert.equal(page.headers.get('referrer-policy'), 'no-referrer')
    assert.equal(page.headers.get('cache-control'), 'no-cache')
    const script = await say(url, 'GET', '/assets/main-a1B2c3D4.js')
    assert.match(script.headers.get('content-type')!, /^text\/javascript/)
    assert.match(script.headers.get('cache-control')!, /immutable/)
    const others = [
      '/notes.txt',
      '/../secret.html',
      '/%2e%2e/secret.html',
      '/assets/..%2f..%2fsecret.html',
    ]
    for (const path of [...others, '//secret.html', '/assets', '/assets/']) {
      const text = await raw(url, path)
      assert.match(text, /^HTTP\/1.1 404 /, path)
      assert.doesNotMatch(text, /a secret|not for pages/)
    }
    const unbuilt = await admin(world, new FakeSteering('b2'), {
      dashboard: join(folder, 'nowhere'),
    })
    const instead = await say(unbuilt.url, 'GET', '/')
    assert.deepEqual([instead.status, /npm run build/.test(String(instead.body.text))], [200, true])
  },
)

story(
  'a close with listeners and half a request leaves nothing, and takes no time',
  async (world) => {
    const other = await admin(world, new FakeSteering('b2', 'sh', 2))
    const one = await admin(world, new FakeSteering('b1', 'sz', 1), {
      options: { peers: [other.url] },
    })
    const own = await listen(world, one.url)
    const all = await listen(world, one.url, '', { scope: 'cluster' })
    await until('the peer is followed', () => other.server.figures().listeners === 1)
    const socket = connectTo(Number(new URL(one.url).port), '127.0.0.1')
    socket.on('error', () => {})
    const cut = new Promise((resolve) => socket.once('close', resolve))
    socket.write('POST /v1/marks HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 10\r\n')
    await say(one.url, 'GET', '/v1/snapshot')
    await one.server.close()
    await cut
    await until('the listeners are cut', () => own.isOver && all.isOver)
    await until('the peer is let go', () => other.server.figures().listeners === 0)
  },
)

story('a broker with an admin side: look, listen, request by hand, drain, close', async (world) => {
  let call = (): Promise<unknown> => Promise.reject(new Error('too early'))
  const broker = await world.broker({
    ...{ id: 'b1', idc: 'sz' },
    admin: { listen: ANYWHERE, tryIt: async () => ({ reply: await call() }) },
  })
  const url = broker.adminUrl!
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
  const bus = await world.connect(broker, { name: 'teller', idc: 'sz' })
  const service = await world.connect(broker.url, {
    name: 'accounts-1',
    group: 'accounts',
    idc: 'sz',
  })
  await service.reply('account.balance', () => ({ amount: '12.00' }))
  call = () => bus.request('account.balance', {})
  const asked = { topic: 'account.balance', body: {} }
  const tried = (await say(url, 'POST', '/v1/request', asked)).body as unknown as TryItAnswer
  assert.deepEqual('ok' in tried && tried.ok, { amount: '12.00' })
  const snapshot = (await say(url, 'GET', '/v1/snapshot')).body as unknown as ClusterSnapshot
  const [part] = snapshot.brokers
  assert.deepEqual([part!.id, part!.state, part!.view!.sessions], ['b1', 'open', 2])
  const sessions = (await say(url, 'GET', '/v1/sessions?limit=1')).body
  assert.equal((sessions.sessions as unknown[]).length, 1)
  const rest = (await say(url, 'GET', `/v1/sessions?after=${sessions.next}`)).body
  assert.deepEqual([(rest.sessions as unknown[]).length, rest.next], [1, null])

  const listening = await listen(world, url)
  const drain = { withinMs: 2_000, reason: 'new kernel' }
  assert.equal((await say(url, 'POST', '/v1/brokers/b1/drain', drain)).status, 200)
  assert.equal((await say(url, 'GET', '/readyz')).status, 503)
  await until('the drain is told', () => listening.entries().some(({ kind }) => kind === 'drained'))
  await say(url, 'POST', '/v1/brokers/b1/resume', { reason: 'done' })
  assert.equal((await say(url, 'GET', '/readyz')).status, 200)

  const closed = broker.close()
  const last = await say(url, 'GET', '/readyz').then(
    ({ status }) => status,
    () => 'refused',
  )
  assert.notEqual(last, 200)
  await closed
  await assert.rejects(say(url, 'GET', '/livez'))
})

story('brokers of one registry find each other’s admin sides', async (world) => {
  const { url: at } = await registry(world)
  const options = (id: string, idc: string): BrokerOptions => ({
    ...{ id, idc, registry: at, admin: ANYWHERE },
  })
  const b1 = await world.broker(options('b1', 'sz'))
  const b2 = await world.broker(options('b2', 'sh'))
  const listed = (await ask(at, 'GET', '/v1/brokers')).body.brokers as { admin: string }[]
  assert.deepEqual(
    listed.map(({ admin }) => admin),
    [b1.adminUrl, b2.adminUrl],
  )
  const brokers = async () =>
    ((await say(b1.adminUrl!, 'GET', '/v1/snapshot')).body as unknown as ClusterSnapshot).brokers
  await until('the first knows the second', async () => (await brokers()).length === 2, 8_000)
  assert.deepEqual(
    (await brokers()).map(({ id, state }) => [id, state]),
    [
      ['b1', 'open'],
      ['b2', 'open'],
    ],
  )
  await b2.close()
  await until('it is seen to be gone', async () => (await brokers())[1]?.state === 'unknown')
  const [, gone] = await brokers()
  assert.deepEqual([gone!.id, gone!.idc, gone!.view?.id], ['b2', 'sh', 'b2'])
})

story(
  'with tls and tokens it may listen anywhere; credentials reach peers on https',
  async (world) => {
    const { ca, server: tls } = await certificates()
    const token = 'a-long-token-of-the-operator'
    const guarded: BrokerOptions = {
      ...{ listen: 'wss://127.0.0.1:0', tls, tokens: [{ token, name: 'olga', admin: 'act' }] },
    }
    const admin = { listen: 'https://127.0.0.1:0', peerTls: { ca } }
    const b2 = await world.broker({ ...guarded, id: 'b2', admin })
    const peers = [b2.adminUrl!]
    const b1 = await world.broker({ ...guarded, id: 'b1', admin: { ...admin, peers } })
    const text = await new Promise<string>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}` }
      const options = { ca, headers, agent: false }
      const asking = httpsRequest(`${b1.adminUrl}/v1/snapshot`, options, (response) => {
        let said = ''
        response.setEncoding('utf8')
        response.on('data', (piece: string) => {
          said += piece
        })
        response.once('end', () => resolve(said))
      })
      asking.once('error', reject)
      asking.end()
    })
    const { brokers } = JSON.parse(text) as ClusterSnapshot
    assert.deepEqual(
      brokers.map(({ id, state, error }) => [id, state, error]),
      [
        ['b1', 'open', null],
        ['b2', 'open', null],
      ],
    )
  },
)

story('what is wrong with its options is said at the start, and nothing is left', async (world) => {
  const taken = await world.broker({ admin: ANYWHERE })
  const wrong: [BrokerOptions, RegExp][] = [
    [{ admin: 'ws://127.0.0.1:1' }, /admin.listen is not valid: must be http:\/\/host:port/],
    [
      { admin: { listn: ANYWHERE } as never },
      /"listn" in admin is unknown \(did you mean listen\?\)/,
    ],
    [{ admin: { timelineEntries: 5 } }, /admin.timelineEntries/],
    [{ admin: { peers: ['b2:7480'] } }, /admin.peers.0 is not valid: must be http/],
    [{ admin: 'http://0.0.0.0:0' }, /admin.listen 0.0.0.0 is not loopback/],
    [{ admin: 'https://127.0.0.1:0' }, /admin.listen https needs the option tls/],
    [{ admin: taken.adminUrl! }, /cannot listen on 127.0.0.1:\d+: the address is taken/],
    [{ tokens: [{ token: 'x'.repeat(16), admin: 'all' as never }] }, /tokens.0.admin.*look or act/],
  ]
  for (const [options, message] of wrong) {
    const error = await failure(
      startBroker({ listen: 'ws://127.0.0.1:0', ...options }),
      'invalid_argument',
    )
    assert.match(error.message, message)
  }
})
