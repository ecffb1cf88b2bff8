/** `finbus drill` as people and scripts meet it: what it prints, how it ends, what it leaves behind. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startBroker } from '../../broker/index.ts'

const MAIN = fileURLToPath(new URL('../../scenarios/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'finbus-cli-drill-'))
const running = new Set<ChildProcess>()

after(() => {
  for (const left of running) left.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

interface Ended {
  code: number | null
  out: string
  err: string
}

interface Interrupt {
  at: RegExp
  onTold: () => NodeJS.Signals
  env?: Record<string, string>
}

/** Ends by itself, or with the signal it gets once it has said this on stderr. */
const finbus = async (args: readonly string[], interrupt?: Interrupt): Promise<Ended> => {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('FINBUS_'))
  const env = { ...Object.fromEntries(inherited), ...interrupt?.env }
  const child = spawn(process.execPath, [MAIN, 'drill', ...args], { env })
  running.add(child)
  let [out, err, isTold] = ['', '', false]
  child.stdout.on('data', (part: Buffer) => {
    out += part.toString('utf8')
  })
  child.stderr.on('data', (part: Buffer) => {
    err += part.toString('utf8')
    if (isTold || interrupt === undefined || !interrupt.at.test(err)) return
    isTold = true
    child.kill(interrupt.onTold())
  })
  const [code] = (await once(child, 'close')) as [number | null]
  running.delete(child)
  return { code, out, err }
}

const file = (name: string, content: unknown): string => {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const SMALL = {
  name: 'small',
  cluster: { idcs: { sz: { brokers: 1, responders: 2, requesters: 1 } } },
  load: { rate: 100, timeoutMs: 500 },
  steps: [
    { name: 'calm', forMs: 500, bounds: { failed: 0 } },
    { name: 'one is gone', do: 'kill responder sz-1', forMs: 1_500, bounds: { recoveryMs: 1_000 } },
  ],
}
/** On real processes of a machine that does other things as well; what is true must be so there too. */
const LIVE = {
  ...SMALL,
  load: { rate: 50 },
  steps: SMALL.steps.map((step) => ({ ...step, bounds: { failedPercent: 90 } })),
}
const LONG = { ...SMALL, name: 'long', steps: [{ name: 'calm', forMs: 3_600_000 }] }

describe('finbus drill', { concurrency: 2 }, () => {
  test('lists the drills there are', async () => {
    const { code, out, err } = await finbus([])
    assert.deepEqual([code, err], [0, ''])
    assert.match(out, /^DRILL +LASTS +WHAT IS SHOWN\nidc-failover +13 s +\S/)
    assert.match(out, /finbus drill --all --report DIR/)
    for (const line of out.split('\n')) assert.ok(line.length <= 100, line)
    const { drills } = JSON.parse((await finbus(['--json'])).out) as { drills: { name: string }[] }
    assert.equal(drills.length, 12)
  })

  const wrong: [string[], RegExp][] = [
    [['idc-failovr'], /no drill "idc-failovr" \(did you mean idc-failover\?\)/],
    [['idc-failover', '--virtul'], /unknown option '--virtul'[\s\S]*--virtual/],
    [['idc-failover', '--virtual', '--bound', 'faild=1'], /no bound "faild" .*failed\?/],
    [['idc-failover', '--virtual', '--bound', 'failed'], /says no value; write failed=0/],
    [['idc-failover', '--virtual', '--seed', 'x'], /--seed must be a whole number.*got "x"/],
    [['idc-failover', '--all'], /--all plays every ready-made drill; leave out idc-failover/],
    [['--virtual'], /--virtual needs a drill, or --all/],
    [['idc-failover', 'idc-failover'], /two drills are called idc-failover/],
    [['idc-failover', '--virtual', '--attach', 'ws://127.0.0.1:1'], /leave out --attach/],
    [['idc-failover', '--attach', 'http://127.0.0.1:1'], /--attach must be ws:/],
    [['idc-failover', '--virtual', '--report', MAIN], /--report: cannot write to/],
    [['idc-failover', '--topic', 'a.b'], /--topic and --token-file are for a cluster of yours/],
    [['./gone.mjs'], /there is no file \.\/gone\.mjs/],
  ]
  for (const [args, says] of wrong) {
    test(`refuses ${args.join(' ')} by name, exit code 2`, async () => {
      const { code, out, err } = await finbus(args)
      assert.match(err, says)
      assert.deepEqual([code, out], [2, ''])
    })
  }

  test('refuses a file that throws or makes no sense, exit code 2', async () => {
    const [throws, senseless] = await Promise.all([
      finbus([file('throws.mjs', 'setInterval(() => {}, 1_000); throw new Error("out of luck")')]),
      finbus([file('senseless.json', { ...SMALL, clustr: {} })]),
    ])
    assert.deepEqual([throws.code, senseless.code], [2, 2])
    assert.match(throws.err, /throws\.mjs cannot be loaded: out of luck/)
    assert.match(senseless.err, /senseless\.json: .*"clustr" is unknown \(did you mean cluster\?\)/)
  })
})

describe('finbus drill --virtual', { concurrency: 2 }, () => {
  test('plays, says how it goes line by line, and writes what came of it', async () => {
    const reports = join(folder, 'deep', 'reports')
    const { code, out, err } = await finbus([...['broker-crash', '--virtual', '--report', reports]])
    assert.equal(code, 0, out + err)
    assert.match(out, /broker-crash passed/)
    assert.match(err, /kill broker sz-1/)
    assert.ok(!err.includes('\u001b'), 'a file is no terminal')
    const names = readdirSync(reports).sort()
    assert.deepEqual(names, ['broker-crash.html', 'broker-crash.json', 'broker-crash.md'])
    const told = JSON.parse(readFileSync(join(reports, 'broker-crash.json'), 'utf8'))
    assert.deepEqual([told.verdict, told.stage, told.startedAt], ['passed', 'virtual', ''])
  })

  test('a missed bound is exit code 1, and says which, and by how much', async () => {
    const { code, out } = await finbus([
      ...['idc-failover', '--virtual', '--bound', 'failed=0', '--bound', 'moves=99'],
    ])
    assert.equal(code, 1)
    assert.match(out, /idc-failover missed/)
    assert.match(out, /failed calls.* [1-9]\d*.* 0.*\n.*responder_lost/)
  })

  test('--json is the report alone; of several drills a list; the same seed the same', async () => {
    const args = [file('small.json', SMALL), '--virtual', '--json', '--seed', '5']
    const twin = file('twin.mjs', `export default ${JSON.stringify({ ...SMALL, name: 'twin' })}`)
    const [first, again] = await Promise.all([finbus(args), finbus(args)])
    const two = await finbus([...args, twin])
    const report = JSON.parse(first.out) as { drill: string; verdict: string; machine: string }
    assert.deepEqual([first.code, first.err], [0, ''])
    assert.deepEqual([report.drill, report.verdict], ['small', 'passed'])
    assert.match(report.machine, /seed 5/)
    assert.equal(again.out, first.out)
    const reports = JSON.parse(two.out) as { drill: string }[]
    assert.deepEqual(
      reports.map(({ drill }) => drill),
      ['small', 'twin'],
    )
  })

  test('Ctrl-C breaks it off: exit code 130, and no verdict on bounds', async () => {
    const long = file('long.json', LONG)
    const { code, out } = await finbus([long, '--virtual'], { at: /calm/, onTold: () => 'SIGINT' })
    assert.equal(code, 130)
    assert.match(out, /long interrupted/)
  })
})

describe('finbus drill on real processes', () => {
  test('plays a small one, and nothing is left of it', async () => {
    const { code, out, err } = await finbus([
      file('live.json', { ...LIVE, name: 'live' }),
      '--json',
    ])
    assert.equal(code, 0, out.slice(0, 2_000) + err)
    const report = JSON.parse(out) as {
      stage: string
      leftovers: string[]
      acts: { text: string }[]
      figures: { name: string; value: number }[]
    }
    assert.deepEqual([report.stage, report.leftovers], ['live', []])
    assert.deepEqual(
      report.acts.map(({ text }) => text),
      ['kill responder sz-1'],
    )
    const value = (of: string): number =>
      report.figures.find(({ name }) => name === of)?.value ?? -1
    assert.ok(value('calls') >= 50, `${value('calls')} calls in two seconds at 50 a second`)
    assert.deepEqual([value('executed twice'), value('misled')], [0, 0])
  })

  test('SIGTERM ends all that was started', async (context) => {
    if (!existsSync('/proc')) return context.skip('there is no /proc to look into')
    const mark = `drill-of-${process.pid}`
    let before = 0
    const onTold = (): NodeJS.Signals => {
      before = markedBy(mark)
      return 'SIGTERM'
    }
    const long = file('long-live.json', LONG)
    const { code, out } = await finbus([long], { at: /calm/, onTold, env: { DRILL_MARK: mark } })
    assert.equal(code, 130)
    assert.match(out, /long interrupted/)
    assert.ok(before >= 5, `${before} processes were there to be ended`)
    assert.equal(markedBy(mark), 0)
  })
})

describe('finbus drill --attach', () => {
  test('plays in a cluster that runs already, and hurts nobody but its own', async () => {
    const broker = await startBroker({ listen: 'ws://127.0.0.1:0', idc: 'sz', id: 'sz-1' })
    try {
      const { url } = broker
      const gentle = file('gentle.json', { ...LIVE, name: 'gentle' })
      const played = await finbus([gentle, '--attach', url, '--json'])
      assert.equal(played.code, 0, played.out.slice(0, 2_000) + played.err)
      const report = JSON.parse(played.out) as { stage: string; leftovers: string[] }
      assert.deepEqual([report.stage, report.leftovers], ['attached', []])

      const steps = [{ name: 'gone', do: 'kill broker sz-1', forMs: 200 }]
      const rough = file('rough.json', { ...SMALL, name: 'rough', steps })
      const refused = await finbus([rough, '--attach', url])
      assert.equal(refused.code, 2)
      assert.match(refused.err, /not on a cluster of yours: kill broker sz-1/)
      assert.equal(broker.snapshot().links, 0, 'nobody of the drill is left')
    } finally {
      await broker.close()
    }
  })
})

/** Processes that were started with this in their environment, by the kernel's own account. */
const markedBy = (mark: string): number =>
  readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false
    try {
      const environment = readFileSync(`/proc/${entry}/environ`, 'utf8')
      return environment.split('\0').includes(`DRILL_MARK=${mark}`)
    } catch {
      return false
    }
  }).length
