/** Drills that a dashboard sees, and that steer a cluster of somebody's by its admin API. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'node:test'
import { AdminClient } from '../scenarios/cli/admin-client.ts'
import { DrillMarks } from '../scenarios/cli/drill-marks.ts'
import { readDrill } from '../scenarios/drills/drill.ts'
import { playDrill } from '../scenarios/drills/play.ts'
import { Finbus, finbusIn } from './support/finbus.ts'
import { refusal, ScriptedAdmin } from './support/scripted-admin.ts'
import { ScriptedStage } from './support/scripted-stage.ts'
import { story, until, type World } from './support/world.ts'

const adminIn = async (world: World): Promise<ScriptedAdmin> => {
  const admin = await ScriptedAdmin.start()
  world.later(() => admin.close())
  return admin
}

const fileIn = (world: World, drill: { name: string }): string => {
  const folder = mkdtempSync(join(tmpdir(), 'finbus-marks-'))
  world.later(() => rmSync(folder, { recursive: true }))
  const path = join(folder, `${drill.name}.json`)
  writeFileSync(path, JSON.stringify(drill))
  return path
}

const drillOf = (
  name: string,
  ...steps: { name: string; do?: string | string[]; forMs: number }[]
) => ({
  ...{ name, about: 'One of two is gone.' },
  cluster: { idcs: { sz: { brokers: 1, responders: 2, requesters: 1 } } },
  load: { rate: 20, timeoutMs: 2_000 },
  steps,
})

interface MarkSaid {
  drill: string
  phase: string
  text: string
}
const marksOf = ({ acted }: ScriptedAdmin): MarkSaid[] =>
  acted.filter(({ path }) => path === '/v1/marks').map(({ body }) => body as MarkSaid)
const steersOf = ({ acted }: ScriptedAdmin): string[] =>
  acted.filter(({ path }) => path !== '/v1/marks').map(({ path }) => path)

const SETTING = { stage: 'live', startedAt: '', machine: '', version: '' } as const

describe('the timeline of a dashboard', () => {
  story('is told of the start, each step and act, and the end, in this order', async (world) => {
    const admin = await adminIn(world)
    const client = new AdminClient(admin.url, { operator: 'anna' })
    world.later(() => client.close())
    const troubles: string[] = []
    const marks = new DrillMarks('small', client, (text) => troubles.push(text))
    const drill = readDrill(
      drillOf(
        'small',
        { name: 'calm', forMs: 500 },
        { name: 'gone', do: 'kill responder sz-1', forMs: 500 },
      ),
    )
    const stage = new ScriptedStage()
    await playDrill(drill, stage, { setting: SETTING, onEvent: marks.tell })
    await marks.end()
    assert.deepEqual(
      marksOf(admin).map(({ phase, text }) => [phase, text]),
      [
        ['start', 'it starts: One of two is gone.'],
        ['calm', 'step 1 of 2: calm, 0.5 s'],
        ['gone', 'step 2 of 2: gone, 0.5 s'],
        ['gone', 'kill responder sz-1'],
        ['settling', 'no more calls are made; those that are open settle'],
        ['end', 'passed'],
      ],
    )
    assert.ok(marksOf(admin).every(({ drill: name }) => name === 'small'))
    assert.deepEqual(troubles, [])
  })

  story('that refuses, or is not there, is told of once and holds nothing up', async (world) => {
    const admin = await adminIn(world)
    admin.onAction = () => refusal(403, 'forbidden', 'this token may only look')
    const client = new AdminClient(admin.url, {})
    world.later(() => client.close())
    const troubles: string[] = []
    const marks = new DrillMarks('small', client, (text) => troubles.push(text))
    const drill = readDrill(drillOf('small', { name: 'calm', forMs: 500 }))
    const report = await playDrill(drill, new ScriptedStage(), {
      ...{ setting: SETTING, onEvent: marks.tell },
    })
    await marks.end()
    assert.equal(report.verdict, 'passed')
    assert.deepEqual(troubles.length, 1)
    assert.match(troubles[0]!, /does not see this drill: forbidden: this token may only look/)
  })

  story(
    'sees a drill on processes of its own, and that it was broken off',
    async (world) => {
      const admin = await adminIn(world)
      const file = fileIn(world, drillOf('long', { name: 'calm', forMs: 600_000 }))
      const drill = finbusIn(world, ['drill', file, '--admin', admin.url])
      await until(
        'it is in its step',
        () => marksOf(admin).some(({ phase }) => phase === 'calm'),
        30_000,
      )
      drill.child.kill('SIGINT')
      assert.equal((await drill.ended).code, 130)
      assert.deepEqual(marksOf(admin).at(-1), { drill: 'long', phase: 'end', text: 'interrupted' })
    },
    60_000,
  )
})

describe('a cluster of yours, steered by a drill', () => {
  const steered = (forMs: number) =>
    drillOf('steered', {
      ...{ name: 'away', forMs },
      do: ['isolate idc sz for 300 ms', 'drain broker desk-1'],
    })

  story(
    'is asked to isolate only what the drill answers, and gets everything back',
    async (world) => {
      const admin = await adminIn(world)
      const broker = await world.broker({ idc: 'sz', id: 'desk-1' })
      const file = fileIn(world, steered(1_000))
      const where = ['--attach', broker.url, '--admin', admin.url, '--json']
      const { code, out, err } = await new Finbus(['drill', file, ...where]).ended
      assert.equal(code, 0, out.slice(0, 2_000) + err)
      const report = JSON.parse(out) as { acts: { text: string }[]; leftovers: string[] }
      assert.deepEqual(report.leftovers, [])
      assert.deepEqual(steersOf(admin), [
        ...['/v1/idcs/sz/isolate', '/v1/brokers/desk-1/drain'],
        ...['/v1/idcs/sz/restore', '/v1/brokers/desk-1/resume'],
      ])
      const isolated = admin.acted.find(({ path }) => path === '/v1/idcs/sz/isolate')?.body
      const { topic, forMs } = isolated as { topic: string; forMs: number }
      assert.equal(topic, 'finbus.drill')
      assert.ok(forMs > 300 && forMs < 120_000, 'it lapses by itself, should all else fail')
    },
    60_000,
  )

  for (const [how, signal] of [['broken off', 'SIGINT'] as const, ['killed', 'SIGKILL'] as const]) {
    story(
      `gets everything back when the drill is ${how}`,
      async (world) => {
        const admin = await adminIn(world)
        const broker = await world.broker({ idc: 'sz', id: 'desk-1' })
        const file = fileIn(world, steered(600_000))
        const where = ['--attach', broker.url, '--admin', admin.url]
        const drill = finbusIn(world, ['drill', file, ...where])
        const isSteered = (path: string) => (): boolean => steersOf(admin).includes(path)
        await until('it is drained', isSteered('/v1/brokers/desk-1/drain'), 30_000)
        drill.child.kill(signal)
        await drill.ended
        await until('it is resumed', isSteered('/v1/brokers/desk-1/resume'), 10_000)
        await until('it is restored', isSteered('/v1/idcs/sz/restore'), 10_000)
      },
      60_000,
    )
  }

  story(
    'that will not take it back is told of in the report',
    async (world) => {
      const admin = await adminIn(world)
      const drained = admin.onAction
      admin.onAction = (asked) =>
        asked.path.endsWith('/resume') ? refusal(503, 'draining', 'not now') : drained(asked)
      const broker = await world.broker({ idc: 'sz', id: 'desk-1' })
      const file = fileIn(world, steered(500))
      const where = ['--attach', broker.url, '--admin', admin.url, '--json']
      const { code, out } = await new Finbus(['drill', file, ...where]).ended
      const { leftovers, verdict } = JSON.parse(out) as { leftovers: string[]; verdict: string }
      assert.deepEqual([code, verdict], [1, 'missed'])
      assert.match(leftovers.join(), /"drain desk-1" may still be in force: draining: not now/)
    },
    60_000,
  )

  story(
    'is not steered without an admin API, nor where it has no such broker, nor is another one',
    async (world) => {
      const admin = await adminIn(world)
      const broker = await world.broker({ idc: 'sz', id: 'desk-2' })
      const file = fileIn(world, steered(500))
      const attach = ['--attach', broker.url]
      const [blind, strange, own, virtual] = await Promise.all([
        new Finbus(['drill', file, ...attach]).ended,
        new Finbus(['drill', file, ...attach, '--admin', admin.url]).ended,
        new Finbus(['drill', file, '--admin', admin.url]).ended,
        new Finbus(['drill', file, '--virtual']).ended,
      ])
      assert.match(blind.err, /"isolate idc sz for 300 ms" is asked of the admin API.*--admin URL/)
      assert.match(strange.err, /no broker desk-1 \(did you mean desk-2\?\)/)
      for (const { err } of [own, virtual])
        assert.match(err, /is for a cluster of yours: --attach URL/)
      for (const { code } of [blind, strange, own, virtual]) assert.equal(code, 2)
      assert.deepEqual(steersOf(admin), [])
    },
    60_000,
  )
})
