/** What is told Prometheus is what its tools, the page and the dashboard take it for. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ADMIN, busyMetrics, series } from './support/metrics.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const NO_PROMTOOL = 'promtool is not installed (Debian: prometheus)'

interface Dashboard {
  panels: { title: string; type: string; targets?: { expr: string }[]; datasource?: object }[]
  templating: { list: { name: string; type: string; query: unknown }[] }
}
const dashboard = (): Dashboard =>
  JSON.parse(readFileSync(`${ROOT}broker/admin/grafana.json`, 'utf8')) as Dashboard

describe('the text', () => {
  const hasPromtool = spawnSync('promtool', ['--version']).error === undefined

  test('promtool finds nothing to say about it', {
    skip: hasPromtool ? false : NO_PROMTOOL,
  }, async () => {
    const [metrics, view] = busyMetrics()
    assert.match(metrics.contentType, /^text\/plain; version=0\.0\.4/)
    const input = await metrics.text(view, ADMIN)
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input,
      encoding: 'utf8',
    })
    assert.deepEqual([status, stdout, stderr], [0, '', ''])
  })

  test('promtool reads every question of the Grafana dashboard', {
    skip: hasPromtool ? false : NO_PROMTOOL,
  }, () => {
    const rules = dashboard()
      .panels.flatMap(({ targets = [] }) => targets)
      .map(({ expr }, at) => ({
        record: `panel:${at}`,
        expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$topic', '.*'),
      }))
    const folder = mkdtempSync(join(tmpdir(), 'finbus-rules-'))
    try {
      const file = join(folder, 'rules.json')
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }))
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], {
        encoding: 'utf8',
      })
      assert.equal(status, 0, stdout + stderr)
      assert.match(stdout, new RegExp(`SUCCESS: ${rules.length} rules found`))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('every metric has a series once everything has happened, and starts with finbus_', async () => {
    const [metrics, view] = busyMetrics()
    const lines = (await metrics.text(view, ADMIN)).split('\n')
    const names = lines
      .filter((line) => line.startsWith('# TYPE '))
      .map((line) => line.split(' ')[2]!)
    assert.ok(names.length > 40)
    for (const name of names) {
      assert.match(name, /^finbus_/)
      assert.ok(
        lines.some((line) => line.startsWith(name) && !line.startsWith('#')),
        `${name} has no series`,
      )
    }
  })

  test('the page about it lists every metric as it is', async () => {
    const [metrics, view] = busyMetrics()
    const text = await metrics.text(view, ADMIN)
    const page = readFileSync(`${ROOT}rr-client/otel/README.md`, 'utf8')
    const listed = [...page.matchAll(/^\| `(finbus_[a-z_]+)` \| ([a-z]+) \| ([^|]*) \| (.*) \|$/gm)]
    const told = [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)\n(.*)$/gm)]
    const rows = (list: string[][]): string[] => list.map((row) => row.join(' | ')).sort()
    const labelsIn = (line: string): string =>
      [...line.matchAll(/([a-z_]+)="/g)]
        .map(([, label]) => label!)
        .filter((label) => label !== 'le')
        .join(', ')
    assert.deepEqual(
      rows(listed.map(([, name, type, labels, help]) => [name!, type!, labels!, help!])),
      rows(told.map(([, name, help, type, first]) => [name!, type!, labelsIn(first!), help!])),
    )
  })

  test('the Grafana dashboard asks for nothing that is not there', async () => {
    const [metrics, view] = busyMetrics()
    const all = await series(metrics, view)
    const there = new Set([...all.keys()].map((key) => key.split('{')[0]!))
    const labels = new Map<string, Set<string>>()
    for (const key of all.keys()) {
      const set = labels.get(key.split('{')[0]!) ?? new Set()
      for (const [, label] of key.matchAll(/([a-z_]+)="/g)) set.add(label!)
      labels.set(key.split('{')[0]!, set)
    }
    const { panels: everyPanel, templating } = dashboard()
    const panels = everyPanel.filter(({ type }) => type !== 'row')
    assert.ok(panels.length >= 9)
    const source = templating.list.find(({ type }) => type === 'datasource')
    assert.equal(source?.query, 'prometheus')
    for (const { title, targets, datasource } of panels) {
      assert.deepEqual(datasource, { type: 'prometheus', uid: `\${${source?.name}}` }, title)
      assert.ok(targets !== undefined && targets.length > 0, title)
      for (const { expr } of targets) {
        const asked = [...expr.matchAll(/(finbus_[a-z_]+)(?:\{([^}]*)\})?/g)]
        assert.ok(asked.length > 0, expr)
        for (const [, name, matchers = ''] of asked) {
          assert.ok(there.has(name!), `${title} asks for ${name}`)
          for (const [, label] of matchers.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)) {
            assert.ok(labels.get(name!)!.has(label!), `${title}: ${name} has no label ${label}`)
          }
        }
        for (const [, list] of expr.matchAll(/\bby \(([^)]*)\)/g)) {
          const known = asked.flatMap(([, name]) => [...labels.get(name!)!])
          for (const label of list!.split(/,\s*/)) {
            assert.ok(known.includes(label), `${title}: nothing there has a label ${label}`)
          }
        }
      }
    }
  })
})
