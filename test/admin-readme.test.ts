/** What the page about the admin API says is what a broker does: its program and its lines for a shell. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { StandingForce } from '../broker/admin/api.ts'
import { AdminRefusal } from '../broker/admin/refusal.ts'
import { type Broker, startBroker } from '../broker/index.ts'
import { say } from './support/steering.ts'
import { story, type World } from './support/world.ts'

const PAGE = readFileSync(
  fileURLToPath(new URL('../../broker/admin/README.md', import.meta.url)),
  'utf8',
)
const hasCurl = spawnSync('curl', ['--version']).error === undefined
const withCurl: typeof story = hasCurl
  ? story
  : (name) => test.skip(`${name}: curl is not installed`)

/** What stands in the first block of that kind. */
const block = (kind: string): string => {
  const found = new RegExp(`\`\`\`${kind}\\n([\\s\\S]*?)\`\`\``).exec(PAGE)
  assert.ok(found, `the page has no block of ${kind}`)
  return found[1]!
}

/** Runs the program of the page, on ports that are free. */
const started = async (world: World): Promise<Broker> => {
  const program = block('ts').replace(/:(7400|7480)'/g, ":0'")
  const run = new Function('startBroker', `return (async () => { ${program}; return broker })()`)
  const broker = (await run(startBroker)) as Broker
  world.later(() => broker.close())
  return broker
}

/** The lines for a shell, each with what it continues on, for that admin API. */
const lines = (url: string): string[] =>
  block('sh')
    .replaceAll(/\\\n\s*/g, '')
    .replaceAll('http://127.0.0.1:7480', url)
    .trim()
    .split('\n')

/** What a line prints; of one without end the first event. */
const shell = async (line: string): Promise<string> => {
  const child = spawn('sh', ['-c', `exec ${line}`], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stderr.on('data', (piece) => {
    err += piece
  })
  child.stdout.on('data', (piece) => {
    out += piece
    if (out.startsWith('retry:') && out.includes('\n\n')) child.kill()
  })
  await new Promise((resolve) => child.once('close', resolve))
  assert.equal(err, '', line)
  return out
}

describe('the page of the admin API', () => {
  withCurl('its program starts a broker, and its lines look at it and steer it', async (world) => {
    const broker = await started(world)
    assert.match(broker.adminUrl!, /^http:\/\/127\.0\.0\.1:\d+$/)
    const bus = await world.connect(broker)
    await bus.reply('account.balance', () => ({ amount: '12.00' }))
    const [snapshot, advisories, force, limits, ...others] = lines(broker.adminUrl!)
    assert.deepEqual(others, [])
    const all = JSON.parse(await shell(snapshot!)) as { brokers: { id: string }[] }
    assert.deepEqual(
      all.brokers.map(({ id }) => id),
      ['sz-1'],
    )
    assert.match(await shell(advisories!), /^retry: \d+\nevent: start\nid: \d+-\d+\n/)
    const forced = JSON.parse(await shell(force!)) as { clients: number; after: StandingForce }
    assert.deepEqual([forced.clients, forced.after.by, forced.after.to], [1, 'olga', 'open'])
    const changed = JSON.parse(await shell(limits!)) as { after: { 'sz-1': { maxDepth: number } } }
    assert.equal(changed.after['sz-1'].maxDepth, 500)
  })

  story('every path it names is there, and every path is named', async (world) => {
    const broker = await started(world)
    const { body } = await say(broker.adminUrl!, 'GET', '/v1/openapi.json')
    const paths = Object.keys(body.paths as object)
    const named = [...PAGE.matchAll(/\/(?:livez|readyz|metrics|v1\/[\w/.-]+)|…\/\w+|`\/`/g)].map(
      ([path]) => path.replaceAll('`', ''),
    )
    for (const path of paths) {
      const pattern = path.replaceAll(/\{\w+\}/g, '[A-Z_]+')
      const last = path.slice(path.lastIndexOf('/') + 1)
      const isNamed = named.some(
        (name) => new RegExp(`^${pattern}$`).test(name) || name === `…/${last}`,
      )
      assert.ok(isNamed, `the page does not name ${path}`)
    }
  })
})

test('the page tells each refusal by its status and code', () => {
  const told = PAGE.slice(PAGE.indexOf('A refusal is `'))
  for (const [, status, code] of told.matchAll(/(\d{3})\s+`(\w+)`/g)) {
    const refusal = new AdminRefusal(code as 'conflict', 'x')
    assert.equal(refusal.status, Number(status), code)
  }
})
