/**
 * Several brokers with one command: real processes that come up together, are brought back when they
 * die, and are all gone when the one that started them is, however that ended.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Log } from '../../rr-client/index.ts'
import { planOf } from '../../scenarios/cli/cluster-plan.ts'
import { KeptProcess } from '../../scenarios/cli/kept-process.ts'
import { readSettings } from '../../scenarios/cli/settings.ts'
import { story, until, type World } from '../support/world.ts'

const MAIN = fileURLToPath(new URL('../../scenarios/cli/main.js', import.meta.url))
const ANYWHERE = ['--listen', 'ws://127.0.0.1:0']

interface Told {
  brokers: { url: string; id: string; idc: string; pid: number }[]
  registry: string[]
}

/** `finbus start`, what it has printed, and how it ended. */
class Starter {
  readonly child: ChildProcess
  out = ''
  err = ''
  code: number | null | undefined

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('FINBUS_'))
    this.child = spawn(process.execPath, [MAIN, 'start', ...args], {
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.on('data', (part: Buffer) => {
      this.out += part.toString('utf8')
    })
    this.child.stderr?.on('data', (part: Buffer) => {
      this.err += part.toString('utf8')
    })
    this.child.once('close', (code) => {
      this.code = code
    })
  }

  async said(pattern: RegExp): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null = null
    const isSaid = (): boolean => {
      found = pattern.exec(`${this.out}\n${this.err}`)
      assert.ok(found !== null || this.code === undefined, `ended without: ${this.out}${this.err}`)
      return found !== null
    }
    await until(`it says ${pattern}`, isSaid, 12_000)
    return found!
  }

  async told(): Promise<Told> {
    const [line] = await this.said(/^\{"brokers":.*\}$/m)
    return JSON.parse(line) as Told
  }

  /** What it logged about processes it keeps, as JSON lines. */
  async logged(pattern: RegExp): Promise<{ msg: string; pid: number; url?: string }> {
    const [line] = await this.said(new RegExp(`^\\{.*"msg":"[^"]*${pattern.source}.*\\}$`, 'm'))
    return JSON.parse(line)
  }

  async ended(): Promise<number | null> {
    if (this.code === undefined) await once(this.child, 'close')
    return this.code!
  }
}

const starting = (world: World, args: readonly string[], env?: Record<string, string>): Starter => {
  const starter = new Starter(args, env)
  world.later(async () => {
    starter.child.kill('SIGKILL')
    await starter.ended()
  })
  return starter
}

const folderOf = (world: World): string => {
  const folder = mkdtempSync(join(tmpdir(), 'finbus-cluster-'))
  world.later(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A process that nobody waited for is still listed when it has ended. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch (error) {
    // Without /proc the first line has to do.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' && process.platform !== 'linux'
  }
}
const allGone = (pids: readonly number[]): Promise<void> =>
  until(`all gone: ${pids.join(', ')}`, () => !pids.some(isAlive))

const listening = async (port: number): Promise<Server> => {
  const server = createServer()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** Two ports in a row that are free; the second one is held until it is closed. */
const heldPair = async (): Promise<{ first: number; holder: Server }> => {
  for (;;) {
    const probe = await listening(0)
    const { port } = probe.address() as AddressInfo
    const holder = await listening(port + 1).catch(() => undefined)
    probe.close()
    await once(probe, 'close')
    if (holder !== undefined) return { first: port, holder }
  }
}

describe('finbus start --brokers', () => {
  story('a taken port fails all of it; a free one gives brokers in a row', async (world) => {
    const { first, holder } = await heldPair()
    world.later(() => holder.close())
    const args = [
      '--idc',
      'sz',
      '--brokers',
      '2',
      '--listen',
      `ws://127.0.0.1:${first}`,
      '--admin',
      'off',
    ]
    const failing = starting(world, args)
    assert.equal(await failing.ended(), 1)
    assert.equal(failing.out, '')
    const sentence = new RegExp(`^error: sz-2: .*127\\.0\\.0\\.1:${first + 1}.*taken.*\\n$`)
    assert.match(failing.err, sentence)
    holder.close()

    // Nobody is left on the first port.
    const running = starting(world, [...args, '--log', 'info'])
    await running.said(/Ctrl-C/)
    const urls = [`ws://127.0.0.1:${first}`, `ws://127.0.0.1:${first + 1}`]
    for (const [i, url] of urls.entries()) {
      assert.match(running.out, new RegExp(`^sz-${i + 1} +sz +\\d+ +${url}$`, 'm'))
    }
    for (const next of ['reply demo.echo --echo', 'request demo.echo .*', 'topics']) {
      assert.match(running.out, new RegExp(`finbus ${next} --url ${urls.join(',')}`))
    }
    const links = await Promise.all(urls.map((url) => world.connect(url, { idc: 'sz' })))
    assert.equal(links.length, 2)
    for (const id of ['sz-1', 'sz-2']) {
      await running.said(new RegExp(`^${id} \\| \\d\\d:\\d\\d:\\d\\d info +link_up `, 'm'))
    }

    running.child.kill('SIGINT')
    assert.equal(await running.ended(), 0)
  })

  story('a broker that dies comes back as the same, at the same address', async (world) => {
    const config = join(folderOf(world), 'finbus.json')
    writeFileSync(config, JSON.stringify({ brokers: 2, id: 'desk', idc: 'sz', maxDepth: 5 }))
    const starter = starting(world, [...ANYWHERE, '--json'], { FINBUS_CONFIG: config })
    const { brokers, registry } = await starter.told()
    assert.deepEqual(
      brokers.map(({ id, idc }) => [id, idc]),
      [
        ['desk-1', 'sz'],
        ['desk-2', 'sz'],
      ],
    )
    assert.deepEqual(registry, [])
    const pids = brokers.map(({ pid }) => pid)
    assert.equal(new Set([...pids, starter.child.pid]).size, 3, 'processes of their own')

    const [dies] = brokers
    process.kill(dies!.pid, 'SIGKILL')
    const death = await starter.logged(/desk-1 died: SIGKILL; it starts again in 100 ms/)
    assert.equal(death.pid, dies!.pid)
    const back = await starter.logged(/desk-1 runs again/)
    assert.equal(back.url, dies!.url)
    await world.connect(dies!.url, { idc: 'sz' })
    assert.ok(isAlive(pids[1]!), 'the other one never noticed')

    starter.child.kill('SIGTERM')
    assert.equal(await starter.ended(), 0)
    await allGone([...pids, back.pid])
  })

  story('a second signal ends even what does not answer the first', async (world) => {
    const starter = starting(world, ['--brokers', '2', ...ANYWHERE, '--json', '--log', 'info'])
    const { brokers } = await starter.told()
    const [frozen, well] = brokers.map(({ pid }) => pid)
    await world.connect(brokers[1]!.url)
    await starter.said(/^\{.*"id":"local-2",.*"msg":"link_up"\}$/m)
    process.kill(frozen!, 'SIGSTOP')
    starter.child.kill('SIGINT')
    await allGone([well!])
    assert.ok(isAlive(frozen!) && starter.code === undefined, 'the first one waits for it')
    // One signal, sent twice within 300 ms by a terminal and a launcher, is one; so until it counts.
    await until('it ends', () => {
      starter.child.kill('SIGTERM')
      return starter.code !== undefined
    })
    assert.equal(starter.code, 1)
    await allGone([frozen!])
  })

  story('stopped or killed while its brokers start, it leaves none of them', async (world) => {
    for (const [signal, code] of [['SIGTERM', 0] as const, ['SIGKILL', null] as const]) {
      const starter = starting(world, ['--brokers', '2', ...ANYWHERE, '--json', '--log', 'debug'])
      const one = await starter.logged(/local-1 starts/)
      const other = await starter.logged(/local-2 starts/)
      starter.child.kill(signal)
      assert.equal(await starter.ended(), code)
      assert.doesNotMatch(starter.err, /died/)
      await allGone([one.pid, other.pid])
    }
  })
})

describe('finbus start --cluster demo', () => {
  story('two IDCs and a registry that leads to them; killed, it leaves nothing', async (world) => {
    const starter = starting(world, ['--cluster', 'demo', ...ANYWHERE, '--json'])
    const { brokers, registry } = await starter.told()
    const ids = brokers.map(({ id, idc }) => `${idc} ${id}`)
    assert.deepEqual(ids, ['sz sz-1', 'sz sz-2', 'sh sh-1', 'sh sh-2'])
    assert.equal(registry.length, 1)

    const answer = await (await fetch(`${registry[0]}/v1/brokers`)).json()
    const known = (answer as { brokers: { id: string; idc: string; urls: string[] }[] }).brokers
    const announced = known.map(({ id, idc, urls }) => ({ id, idc, url: urls[0] }))
    const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1)
    assert.deepEqual(
      announced.sort(byId),
      brokers.map(({ id, idc, url }) => ({ id, idc, url })).sort(byId),
    )

    // Nobody tells them: they notice.
    starter.child.kill('SIGKILL')
    await allGone(brokers.map(({ pid }) => pid))
    await until('the registry is gone', () =>
      fetch(registry[0]!).then(
        () => false,
        () => true,
      ),
    )
  })
})

describe('the plan of a cluster', () => {
  const plan = (flags: object, env = {}) => planOf(readSettings({ ...flags }, env))
  const ports = (flags: object): string[] => {
    const { brokers, registry } = plan(flags)!
    return [...brokers.map(({ listen }) => listen), registry ?? ''].map((url) => url.slice(-4))
  }

  test('has a port for everyone: from the default, from another, or any', () => {
    const cluster = 'demo'
    assert.deepEqual(ports({ cluster }), ['7400', '7401', '7410', '7411', '7470'])
    const listen = 'ws://[::1]:9400'
    assert.deepEqual(ports({ cluster, listen }), ['9400', '9401', '9410', '9411', '9470'])
    assert.equal(plan({ cluster, listen })!.registry, 'http://[::1]:9470')
    const free = plan({ cluster, listen: 'wss://127.0.0.1:0' })!
    assert.equal(free.registry, 'https://127.0.0.1:0')
    assert.equal(free.brokers[3]!.listen, 'wss://127.0.0.1:0')
  })

  test('has an admin API for each broker, too, beside the others or nowhere', () => {
    const admins = (flags: object): (string | undefined)[] =>
      plan(flags)!.brokers.map(({ admin }) => admin?.slice('http://127.0.0.1:'.length))
    assert.deepEqual(admins({ cluster: 'demo' }), ['7480', '7481', '7490', '7491'])
    assert.deepEqual(admins({ brokers: 2 }), ['7480', '7481'])
    assert.deepEqual(admins({ brokers: 2, listen: 'ws://127.0.0.1:0' }), ['0', '0'])
    assert.deepEqual(admins({ brokers: 2, admin: 'http://127.0.0.1:9000/' }), ['9000', '9001'])
    assert.deepEqual(admins({ brokers: 2, admin: 'off' }), [undefined, undefined])
    const secure = plan({ brokers: 1, tlsCert: 'cert.pem' })!
    assert.equal(secure.brokers[0]!.admin, 'https://127.0.0.1:7480', 'it is certified, too')
  })

  test('numbers the brokers of an IDC, their sockets and the addresses they go by', () => {
    const asked = { brokers: 2, listen: 'unix:/run/bus', advertise: 'wss://b:7400', admin: 'off' }
    const { brokers } = plan(asked)!
    const told = brokers.map(({ admin, ...rest }) => ({ ...rest, ...(admin && { admin }) }))
    assert.deepEqual(told, [
      { id: 'local-1', idc: 'local', listen: 'unix:/run/bus-1', advertise: ['wss://b:7400'] },
      { id: 'local-2', idc: 'local', listen: 'unix:/run/bus-2', advertise: ['wss://b:7401'] },
    ])
    assert.equal(plan({ brokers: 16, id: 'b' })!.brokers[15]!.id, 'b-16')
    assert.equal(plan({ idc: 'sz' }), undefined, 'one broker needs no plan')
  })

  test('refuses what cannot be, and says why', () => {
    const refused = (flags: object, says: RegExp, env = {}): void =>
      assert.throws(() => plan(flags, env), says)
    for (const brokers of ['0', '17', 'two']) {
      refused({ brokers }, /^UsageError: --brokers must be a whole number from 1 to 16; got /)
    }
    refused({ cluster: 'dmeo' }, /--cluster must be demo; got "dmeo" \(did you mean demo\?\)/)
    const cluster = 'demo'
    refused({ cluster, idc: 'sz' }, /does not go with --idc: its IDCs are sz and sh/)
    refused({ cluster, id: 'a' }, /does not go with --id: /)
    refused({ cluster, brokers: 2 }, /does not go with --brokers: it has 2 in each IDC/)
    refused({ cluster, registry: 'http://a:1' }, /does not go with --registry: it runs one/)
    refused({ cluster, tokens: 'a' }, /--tokens needs --token-file or FINBUS_TOKEN/)
    refused({ cluster, listen: 'unix:/a' }, /--cluster needs ports/)
    refused({ brokers: 2, admin: 'https://a' }, /--admin must be http:\/\/host:port.*"https:\/\/a"/)
    refused({ brokers: 2, admin: 'http://a:70000' }, /--admin must be http/)
    refused({ brokers: 3, listen: 'ws://a:65534' }, /--listen ws:\/\/a:65534 leaves no room/)
    refused({ brokers: 2, advertise: 'wss://a' }, /--advertise must be .*host:port.*"wss:\/\/a"/)
    refused({}, /does not go with --idc/, { FINBUS_CLUSTER: 'demo', FINBUS_IDC: 'sz' })
    const { brokers } = plan({ cluster }, { FINBUS_IDC: 'gz', FINBUS_REGISTRY: 'http://a:1' })!
    assert.equal(brokers[0]!.idc, 'sz', 'an option beats what is only in the environment')
  })
})

describe('a process that is kept', () => {
  interface Line {
    text: string
    lastLines?: readonly string[]
  }

  const kept = (world: World, program: string): { process: KeptProcess; lines: Line[] } => {
    const file = join(folderOf(world), 'program.mjs')
    writeFileSync(file, program)
    const lines: Line[] = []
    const log = (...[about, text]: unknown[]): void => {
      lines.push({ ...(about as object), text: String(text) })
    }
    const logger: Log = { debug: () => {}, info: log, warn: log, error: log }
    const recipe = { name: 'it', file, listen: 'ws://here', args: () => [], env: process.env }
    const process_ = new KeptProcess(recipe, logger, () => {})
    world.later(() => process_.stop(0))
    return { process: process_, lines }
  }

  const READY = `console.log(JSON.stringify({ url: 'ws://there' }))\n`

  story('its last words are passed on, and each pause is twice the last', async (world) => {
    const dying = `${READY}console.error('out of paper'); process.disconnect(); process.exitCode = 3`
    const { process, lines } = kept(world, dying)
    await process.start()
    assert.equal(process.url, 'ws://there')
    const deaths = (): Line[] => lines.filter(({ text }) => text.includes('died'))
    await until('it died three times', () => deaths().length >= 3)
    for (const [i, ms] of [100, 200, 400].entries()) {
      assert.equal(deaths()[i]!.text, `it died: exit code 3; it starts again in ${ms} ms`)
      assert.deepEqual(deaths()[i]!.lastLines, ['out of paper'])
    }
    await process.stop(1_000)
    const told = lines.length
    await process.stop(1_000)
    assert.equal(lines.length, told, 'stopped, it stays so')
  })

  story('one that cannot start says why; one that will not stop is killed', async (world) => {
    const refusing = `console.log(JSON.stringify({ ok: false, error: { message: 'not today' } }))`
    const { process: never } = kept(world, `${refusing}; process.disconnect()`)
    await assert.rejects(never.start(), { name: 'Failure', message: 'it: not today' })
    const { process: crashing } = kept(world, `console.error('error: no disk'); process.exit(4)`)
    await assert.rejects(crashing.start(), { message: 'it: no disk' })

    const deaf = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6)\n${READY}`
    const { process: stubborn, lines } = kept(world, deaf)
    await stubborn.start()
    const { pid } = stubborn
    await stubborn.stop(50)
    assert.ok(!isAlive(pid!))
    assert.match(lines.at(-1)!.text, /did not stop within 50 ms and is killed/)
  })
})
