/** Who may see and do what at the admin API. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { admin, FakeSteering, say } from './support/steering.ts'
import { story } from './support/world.ts'

const TOKENS = [
  { token: 'a-long-token-of-the-watcher', name: 'watcher', admin: 'look' as const },
  { token: 'a-long-token-of-the-operator', name: 'olga', admin: 'act' as const, request: ['a.*'] },
  { token: 'a-long-token-of-the-service', name: 'accounts', reply: ['*'] },
]
const bearer = (index: number): Record<string, string> => ({
  authorization: `Bearer ${TOKENS[index]!.token}`,
})
const KICK = ['POST', '/v1/sessions/c1/kick', { reason: 'it floods' }] as const

/** A request whose Host and Origin are what a page of somebody else would make them. */
const asPage = (url: string, headers: Record<string, string>): Promise<number> =>
  new Promise((resolve, reject) => {
    const asking = request(`${url}/v1/snapshot`, { agent: false, headers }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
    })
    asking.once('error', reject)
    asking.end()
  })

story('with tokens: no token 401, no grant 403, look looks, act acts', async (world) => {
  const steering = new FakeSteering('b1')
  const { url } = await admin(world, steering, { tokens: TOKENS })
  const look = (headers = {}) => say(url, 'GET', '/v1/snapshot', undefined, headers)
  const kick = (headers = {}) => say(url, ...KICK, headers)
  steering.link('c1')

  const nobody = await look()
  assert.equal(nobody.status, 401)
  assert.equal(nobody.headers.get('www-authenticate'), 'Bearer')
  assert.equal((await look({ authorization: 'Bearer wrong' })).status, 401)
  assert.equal((await look(bearer(2))).status, 403)
  assert.equal((await look(bearer(0))).status, 200)
  assert.equal((await look(bearer(1))).status, 200)
  assert.equal((await say(url, 'GET', '/metrics')).status, 401)
  for (const open of ['/livez', '/readyz', '/'])
    assert.equal((await say(url, 'GET', open)).status, 200)

  const forged = await kick()
  assert.equal(forged.status, 401)
  const weak = await kick(bearer(0))
  assert.equal(weak.status, 403)
  assert.match(weak.body.error.message, /admin: "act"/)
  assert.equal(steering.linked.size, 1)
  assert.equal((await kick(bearer(1))).status, 200)
  assert.equal(steering.linked.size, 0)

  // Who tried is known, whatever header he set.
  const { body } = await say(url, 'GET', '/v1/audit', undefined, bearer(0))
  const entries = body.entries as { who: string; action: string; outcome: string }[]
  assert.deepEqual(
    entries.map(({ who, action, outcome }) => [who, action, outcome]),
    [
      ['unauthenticated', 'kick', 'refused'],
      ['watcher', 'kick', 'refused'],
      ['olga', 'kick', 'done'],
    ],
  )
})

story('forged actions cannot push out what was done', async (world) => {
  const { url, server } = await admin(world, new FakeSteering('b1'), { tokens: TOKENS })
  for (let i = 0; i < 30; i++) await say(url, ...KICK)
  const { body } = await say(url, 'GET', '/v1/audit', undefined, bearer(0))
  assert.equal((body.entries as unknown[]).length, 10)
  assert.equal(server.figures().counters.actionsUnknown, 20)
  assert.equal(server.figures().counters.actionsRefused, 30)
})

story('without tokens: who acts says his name, or is local', async (world) => {
  const { url } = await admin(world, new FakeSteering('b1'))
  await say(url, ...KICK)
  await say(url, ...KICK, { 'x-finbus-operator': 'olga' })
  const bad = await say(url, ...KICK, { 'x-finbus-operator': '<b>olga</b>' })
  assert.equal(bad.status, 400)
  assert.match(bad.body.error.message, /1 to 64 letters/)
  const { body } = await say(url, 'GET', '/v1/audit')
  const entries = body.entries as { who: string }[]
  assert.deepEqual(
    entries.map(({ who }) => who),
    ['local', 'olga', 'unauthenticated'],
  )
})

story(
  'pages of others get nothing: no foreign name, no foreign origin, no simple post',
  async (world) => {
    const { url, steering } = await admin(world, new FakeSteering('b1'))
    const { host } = new URL(url)
    const { port } = new URL(url)
    assert.equal(await asPage(url, { host }), 200)
    assert.equal(await asPage(url, { host: `localhost:${port}` }), 200)
    assert.equal(await asPage(url, { host: 'evil.example' }), 403)
    assert.equal(await asPage(url, { host: `127.0.0.1.evil.example:${port}` }), 403)
    assert.equal(await asPage(url, { host, origin: url }), 200)
    assert.equal(await asPage(url, { host, origin: 'http://evil.example' }), 403)
    assert.equal(await asPage(url, { host, origin: 'null' }), 403)
    // As for an image, without an Origin; a link that somebody follows is another thing.
    const foreign = { host, 'sec-fetch-site': 'cross-site' }
    assert.equal(await asPage(url, { ...foreign, 'sec-fetch-mode': 'no-cors' }), 403)
    assert.equal(await asPage(url, { ...foreign, 'sec-fetch-mode': 'navigate' }), 200)
    assert.equal(await asPage(url, { host, 'sec-fetch-site': 'same-origin' }), 200)

    steering.link('c1')
    const simple = await say(url, 'POST', '/v1/sessions/c1/kick', '{"reason":"x"}', {
      'content-type': 'text/plain',
    })
    assert.equal(simple.status, 400)
    assert.match(simple.body.error.message, /content-type must be application\/json/)
    assert.equal(steering.linked.size, 1)
  },
)

story('a token requests by hand what it may request, and nothing else', async (world) => {
  const called: string[] = []
  const tryIt = async (topic: string) => {
    called.push(topic)
    return { reply: { amount: '12.00' }, correlationId: 'c1-7' }
  }
  const { url } = await admin(world, new FakeSteering('b1'), { tokens: TOKENS, options: { tryIt } })
  const ask = (topic: string) => say(url, 'POST', '/v1/request', { topic, body: 1 }, bearer(1))
  const { status, body } = await ask('a.balance')
  assert.deepEqual([status, body.ok, body.correlationId], [200, { amount: '12.00' }, 'c1-7'])
  assert.equal((await ask('transfer')).status, 403)
  assert.deepEqual(called, ['a.balance'])
})
