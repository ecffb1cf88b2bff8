/** The registry on the command line: real processes, found by name, killed, and not missed. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readSettings } from '../scenarios/cli/settings.ts'
import { certificates } from './support/certificates.ts'
import { flood, story, tally, until, type World } from './support/world.ts'

const MAIN = fileURLToPath(new URL('../scenarios/cli/main.js', import.meta.url))
const TOKEN = 'a-long-token-of-the-brokers'
const folder = mkdtempSync(join(tmpdir(), 'finbus-registry-'))
after(() => rmSync(folder, { recursive: true }))

const file = (name: string, content: string): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

interface Ended {
  code: number | null
  out: string
  err: string
}

const running = (args: readonly string[], env: Record<string, string> = {}): ChildProcess => {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('FINBUS_'))
  return spawn(process.execPath, [MAIN, ...args], {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

const textOf = (child: ChildProcess): { out: string; err: string } => {
  const text = { out: '', err: '' }
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    text.out += piece
  })
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    text.err += piece
  })
  return text
}

/** Runs a command to its end. */
const finbus = async (
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> => {
  const child = running(args, env)
  const text = textOf(child)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...text }
}

interface Started {
  child: ChildProcess
  url: string
  gone: Promise<unknown>
}

/** Starts what prints its address as JSON, and is killed at the end of the story. */
const started = async (world: World, args: readonly string[], env = {}): Promise<Started> => {
  const child = running([...args, '--json'], env)
  const text = textOf(child)
  const gone = once(child, 'close')
  world.later(async () => {
    child.kill('SIGKILL')
    await gone
  })
  await until(`${args[0]} is ready: ${text.err}`, () => text.out.includes('\n'), 10_000)
  const said = JSON.parse(text.out) as { url?: string }
  assert.ok(said.url !== undefined, text.out)
  return { child, url: said.url, gone }
}

const ANY = ['--listen', 'ws://127.0.0.1:0']

story(
  'a registry killed under running clients is not missed, and is there again',
  async (world) => {
    const registry = await started(world, ['registry', '--listen', 'http://127.0.0.1:0'])
    const way = ['--registry', registry.url]
    await started(world, ['start', ...ANY, ...way, '--id', 'sz-1', '--idc', 'sz'])
    const env = { FINBUS_REGISTRY: registry.url }
    await started(world, ['start', ...ANY, '--id', 'sz-2', '--idc', 'sz'], env)
    const bus = await world.connect({ registry: registry.url }, { idc: 'sz' })
    const up = (): number => bus.snapshot().links.filter(({ state }) => state === 'up').length
    await until('both are linked', () => up() === 2)
    await bus.reply('work.echo', (body) => body)
    const asked = await finbus(['request', 'work.echo', '7', '--wait', '--idc', 'sz', ...way])
    assert.deepEqual([asked.code, asked.out, asked.err], [0, '7\n', ''])
    const topics = await finbus(['topics', '--json'], env)
    const { topics: rows } = JSON.parse(topics.out) as { topics: { broker: string }[] }
    assert.deepEqual(
      rows.map(({ broker }) => broker),
      ['sz-1', 'sz-2'],
      'a command that looks at brokers looks at all that the registry knows',
    )

    const calling = flood(400, 4, (i) => bus.request('work.echo', i))
    registry.child.kill('SIGKILL')
    await registry.gone
    assert.deepEqual(tally(await calling), { ok: 400 })
    await until('the loss is known', () => bus.snapshot().registries[0]?.state === 'lost')
    assert.deepEqual(tally(await flood(100, 4, (i) => bus.request('work.echo', i))), { ok: 100 })
    assert.equal(up(), 2)

    const again = ['registry', '--listen', registry.url, '--lease', '300']
    const back = await started(world, again)
    await until('it is followed again', () => bus.snapshot().registries[0]?.brokers === 2, 8_000)
    back.child.kill('SIGTERM')
    assert.deepEqual(await back.gone, [0, null])
  },
)

story('with tokens and TLS, all from files', async (world) => {
  const { ca, server } = await certificates()
  const settings = file(
    'settings.json',
    JSON.stringify({
      registryListen: 'https://127.0.0.1:0',
      listen: 'wss://127.0.0.1:0',
      tokens: file('tokens.json', JSON.stringify([{ token: TOKEN, request: ['*'] }])),
      tokenFile: file('token', `${TOKEN}\n`),
      tlsCert: file('cert.pem', server.cert),
      tlsKey: file('key.pem', server.key),
      tlsCa: file('ca.pem', ca),
    }),
  )
  const env = { FINBUS_CONFIG: settings }
  const { url } = await started(world, ['registry'], env)
  assert.match(url, /^https:/)
  const broker = await started(world, ['start', '--registry', url], env)
  assert.match(broker.url, /^wss:/)
  const topics = await finbus(['topics', '--registry', url], env)
  assert.deepEqual([topics.code, topics.out], [0, ''])
  assert.match(topics.err, /no topics yet/)
  const other = file('other', 'another-token-of-nobody')
  const refused = await finbus(['topics', '--registry', url, '--token-file', other], env)
  assert.equal(refused.code, 1)
  assert.match(refused.err, /unauthenticated: registry https:\S+ refused this client/)
})

story('a broker that the registry refuses ends with its sentence', async (world) => {
  const { url } = await started(world, ['registry', '--listen', 'http://127.0.0.1:0'])
  const start = ['start', ...ANY, '--id', 'sz-1', '--registry', url]
  const first = await started(world, start)
  const second = await finbus(start)
  assert.deepEqual([second.code, second.out], [1, ''])
  assert.match(second.err, /^error: the broker did not start: registry http:\S+ refused this/)
  assert.match(second.err, /id sz-1 is taken by broker sz-1/)
  assert.ok(second.err.includes(first.url), second.err)
})

describe('what is wrong is said', () => {
  const usage: [string, string[], RegExp][] = [
    ['an address', ['registry', '--listen', 'ws://a:1'], /--listen must be http:.*"ws:\/\/a:1"/],
    ['a lease', ['registry', '--lease', '5'], /--lease must be a whole number from 300/],
    ['half a pair', ['registry', '--tls-cert', 'x'], /--tls-cert and --tls-key go together/],
    ['a registry', ['topics', '--registry', 'ws://a:1'], /--registry must be http:/],
    ['both', ['topics', '--registry', 'http://a:1', '--url', 'ws://a:1'], /give --url.*or --reg/],
    ['an address to tell', ['start', '--advertise', 'a:1'], /--advertise must be ws:/],
    ['a token for all to see', ['start', '--token', 'x'], /--token-file or FINBUS_TOKEN/],
  ]
  for (const [what, args, says] of usage) {
    test(`${what}: ${args.slice(0, 3).join(' ')}`, async () => {
      const { code, out, err } = await finbus(args)
      assert.deepEqual([code, out], [2, ''], err)
      assert.match(err, says)
    })
  }

  test('of url and registry the one said with more force holds', async () => {
    const env = { FINBUS_URL: 'ws://127.0.0.1:1', FINBUS_CONNECT_TIMEOUT: '200' }
    const option = await finbus(['topics', '--registry', 'http://127.0.0.1:1'], env)
    assert.match(option.err, /no registry answered/)
    const both = await finbus(['topics'], { ...env, FINBUS_REGISTRY: 'http://127.0.0.1:1' })
    assert.deepEqual([both.code, both.out], [2, ''])
    const { registry, from } = readSettings({ registry: ['http://a:1,http://b:1'] }, env)
    assert.deepEqual([registry, from?.registry], [['http://a:1', 'http://b:1'], 'option'])
  })
})
