/** Drills as they are written: read whole or refused by name, before anything is started. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { type DrillText, readDrill } from '../scenarios/drills/drill.ts'
import { isDrillFile, readDrillFile } from '../scenarios/drills/drill-file.ts'
import { withBounds } from '../scenarios/drills/overrides.ts'
import { READY, readyDrill } from '../scenarios/drills/ready/index.ts'
import { actText, parseAct } from '../scenarios/drills/words.ts'

const folder = mkdtempSync(join(tmpdir(), 'finbus-drills-'))
after(() => rmSync(folder, { recursive: true }))

const TEXT: DrillText = {
  name: 'mine',
  cluster: { idcs: { sz: {} } },
  steps: [{ name: 'broken', do: 'kill responder sz-1', forMs: 1_000, bounds: { failed: 0 } }],
}
const step = (line: string): DrillText => ({
  ...TEXT,
  steps: [{ name: 'broken', do: line, forMs: 1_000 }],
})

describe('a drill', () => {
  test('of few words gets a cluster and a load that make sense', () => {
    const { cluster, load, steps } = readDrill(TEXT)
    assert.deepEqual(cluster.idcs.sz, { brokers: 1, responders: 2, requesters: 1, bystanders: 0 })
    assert.deepEqual([cluster.registries, load.rate, load.timeoutMs], [0, 200, 3_000])
    assert.deepEqual(steps[0]?.acts.map(actText), ['kill responder sz-1'])
  })

  test('may hurt whom it has added itself', () => {
    const lines = ['add 1 responders to sz', 'kill responder sz-3']
    assert.doesNotThrow(() => readDrill({ ...TEXT, steps: [{ name: 'a', do: lines, forMs: 10 }] }))
    assert.throws(() => readDrill(step('kill responder sz-3')), /nobody is responder sz-3/)
  })

  const wrong: [string, unknown, RegExp][] = [
    ['no object', 7, /this drill is not valid/],
    ['no steps', { ...TEXT, steps: [] }, /steps/],
    ['a field that is not known', { ...TEXT, clustr: {} }, /"clustr" is unknown.*cluster\?/],
    ['a name that is none', { ...TEXT, name: '../x' }, /name: must be lower case/],
    ['no IDC', { ...TEXT, cluster: { idcs: {} } }, /cluster\.idcs: must be 1 to 5 IDCs/],
    ['too much load', { ...TEXT, load: { rate: 1e6 } }, /load\.rate/],
    ['an act of no sense', step('kil idc sz'), /drill mine, step "broken".*did you mean kill\?/],
    ['a target that is nobody', step('kill broker sz-2'), /nobody is broker sz-2.*sz-1\?/],
    ['an IDC that is none', step('add 1 responders to sh'), /there is no IDC sh.*sz\?/],
    [
      'a bound that is none',
      { ...TEXT, bounds: { failled: 0 } },
      /"failled" is unknown \(did you mean failed\?\)/,
    ],
  ]
  for (const [what, text, says] of wrong) {
    test(`with ${what} is refused by name`, () => assert.throws(() => readDrill(text), says))
  }
})

describe('the drills that finbus brings', () => {
  test('are twelve, each at most a minute long, each with bounds', () => {
    const names = READY.map(({ name }) => name)
    assert.equal(new Set(names).size, 12)
    for (const { name, steps, about } of READY) {
      const lastsMs = steps.reduce((sum, { forMs }) => sum + forMs, 0)
      assert.ok(lastsMs <= 45_000, `${name} lasts ${lastsMs} ms`)
      assert.ok(about.length > 0, name)
      const bound = steps.filter(({ bounds }) => Object.keys(bounds).length > 0)
      assert.ok(bound.length >= 2, `${name} promises little`)
    }
  })

  test('a mistyped name gets the nearest', () => {
    assert.throws(() => readyDrill('idc-failovr'), /no drill "idc-failovr".*idc-failover\?/)
    assert.equal(readyDrill('split-brain').name, 'split-brain')
  })
})

describe('bounds from outside', () => {
  const drill = readDrill(TEXT)

  test('take the place of those of the drill, the last one of each', () => {
    const { bounds } = withBounds({ ...drill, bounds: { failed: 3, moves: 1 } }, [
      ...['failed=9', 'p99Ms=12.5', 'failed=0'],
    ])
    assert.deepEqual(bounds, { failed: 0, moves: 1, p99Ms: 12.5 })
  })

  const wrong: [string, RegExp][] = [
    ['faild=0', /no bound "faild" \(did you mean failed\?\)/],
    ['zzzzzzzzzzzz=0', /bounds are failed, failedPercent/],
    ['failed', /says no value; write failed=0/],
    ['failed=', /must be a number/],
    ['failed=many', /"failed=many" is no bound/],
    ['failed=-1', /is no bound/],
    ['failed=0.5', /is no bound/],
  ]
  for (const [text, says] of wrong) {
    test(`"${text}" is refused`, () => assert.throws(() => withBounds(drill, [text]), says))
  }
})

describe('a drill in a file of its own', () => {
  const file = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }
  const refused = (name: string, text: string, says: RegExp): Promise<void> =>
    assert.rejects(readDrillFile(file(name, text)), says)

  test('is told from a name by its dot or slash', () => {
    assert.deepEqual(['a.mjs', './a', 'x/a', 'idc-failover'].map(isDrillFile), [
      ...[true, true, true, false],
    ])
  })

  test('is JSON, or the default export of a module', async () => {
    const json = await readDrillFile(file('a.json', JSON.stringify(TEXT)))
    const module = await readDrillFile(
      file('a.mjs', `export default { ...${JSON.stringify(TEXT)}, name: ['mi', 'ne'].join('') }`),
    )
    assert.deepEqual(module, json)
    assert.deepEqual(json.steps[0]?.acts, [parseAct('kill responder sz-1')])
  })

  test('leaves nothing running, whatever it has begun', async () => {
    const text = `setInterval(() => {}, 1_000); export default ${JSON.stringify(TEXT)}`
    assert.equal((await readDrillFile(file('busy.mjs', text))).name, 'mine')
  })

  test('that throws, ends or does not parse is refused with the reason', async () => {
    await refused('throws.mjs', 'throw new Error("out of luck")', /throws\.mjs.*out of luck/)
    await refused('syntax.mjs', 'export default {', /syntax\.mjs/)
    await refused('exits.mjs', 'process.exit(3)', /exit code 3/)
    await refused('none.mjs', 'export const drill = 1', /no default export/)
    await refused(
      'function.mjs',
      'export default () => {}',
      /cannot be loaded.*could not be cloned/,
    )
    await refused('half.json', '{"name":', /half\.json is not JSON/)
    await refused('bad.json', '{"name": "x"}', /bad\.json: this drill is not valid/)
    await refused('drill.txt', '', /a \.json, \.mjs or \.js file/)
    await assert.rejects(readDrillFile(join(folder, 'gone.mjs')), /there is no file .*gone\.mjs/)
  })
})
