/**
 * The rules of the house, as DESIGN section 7 has them. Each rule is a function over plain lists, and
 * is first shown a small violation, so that a checker that sees nothing cannot pass for a clean house.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { codeOf, type File, importsOf } from './support/source-text.ts'

const PACKAGES = 'packages'
const ROOM =
  /^(?:bus\/io|rr-client\/core|broker\/(?:(?:registry\/)?core|admin|dashboard)|scenarios\/(?:sim|testing))(?=\/)|^[^/]+/
const roomOf = (path: string): string => ROOM.exec(path)![0]

const DOORS =
  'bus/index.ts rr-client/index.ts rr-client/otel/index.ts broker/index.ts scenarios/testing/index.ts'
/** The package's own names for its doors: a room must not go round by them. */
const OWN_NAMES = new Map([
  ['finbus', 'rr-client/index.ts'],
  ['finbus/broker', 'broker/index.ts'],
  ['finbus/protocol', 'bus/index.ts'],
  ['finbus/otel', 'rr-client/otel/index.ts'],
  ['finbus/testing', 'scenarios/testing/index.ts'],
])

/** Who may import whom: rooms, single files, packages. */
const MAY_IMPORT: Record<string, string> = {
  bus: 'bus',
  'bus/io': 'bus bus/io packages',
  'rr-client/core': 'bus rr-client/core',
  'broker/core': 'bus broker/core',
  'broker/registry/core': 'bus broker/registry/core',
  'rr-client': 'bus bus/io rr-client rr-client/core packages',
  broker: 'bus bus/io broker broker/admin broker/core broker/registry/core packages',
  'broker/admin': 'bus bus/io broker broker/admin broker/core packages',
  'broker/dashboard': 'bus broker/dashboard broker/admin/api.ts broker/core/view.ts packages',
  scenarios: `scenarios scenarios/sim packages ${DOORS}`,
  'scenarios/sim': `scenarios scenarios/sim packages ${DOORS} bus bus/io rr-client/core broker/core broker/registry/core`,
  'scenarios/testing': 'scenarios/testing packages bus bus/io rr-client broker',
}

/** The file an import means, or `packages`. */
const targetOf = (from: string, specifier: string): string => {
  const own = OWN_NAMES.get(specifier)
  if (own !== undefined || !specifier.startsWith('.')) return own ?? PACKAGES
  const path = posix.normalize(posix.join(posix.dirname(from), specifier))
  return path.startsWith('dist/') ? path.slice('dist/'.length).replace(/\.js$/, '.ts') : path
}

const importFaults = (files: File[]): string[] => {
  const there = new Set(files.map((file) => file.path))
  return files.flatMap((file) => {
    const room = roomOf(file.path)
    if (room === 'test') return []
    const allowed = MAY_IMPORT[room]?.split(' ')
    if (allowed === undefined) return [`${file.path} is in no room of the house`]
    const faults: string[] = []
    for (const specifier of importsOf(file)) {
      const target = targetOf(file.path, specifier)
      const isAllowed = allowed.includes(target) || allowed.includes(roomOf(target))
      if (!isAllowed) faults.push(`${file.path} imports ${specifier}`)
      else if (target !== PACKAGES && !there.has(target)) {
        faults.push(`${file.path} imports ${specifier}, which is not there`)
      }
    }
    if (/(?<![.\w$])import\s*\((?!\s*['"])/.test(codeOf(file.text))) {
      faults.push(`${file.path} imports what cannot be known from its text`)
    }
    return faults
  })
}

/**
 * `@opentelemetry/api` is an optional peer: whoever does not enter its door must not need it. So it is
 * imported inside that door only, and what lies there by nobody outside.
 */
const OTEL = 'rr-client/otel/'
const peerFaults = (files: File[]): string[] =>
  files
    .filter(({ path }) => !path.startsWith(OTEL) && roomOf(path) !== 'test')
    .flatMap((file) =>
      importsOf(file)
        .filter((name) => name.startsWith('@opentelemetry/') || isInOtel(file.path, name))
        .map((name) => `${file.path} imports ${name}`),
    )
const isInOtel = (from: string, name: string): boolean =>
  OWN_NAMES.get(name)?.startsWith(OTEL) !== true && targetOf(from, name).startsWith(OTEL)

/** Each circle of imports once, as the way round. */
const cycles = (files: File[]): string[] => {
  const targets = new Map(
    files.map((file) => [file.path, importsOf(file).map((name) => targetOf(file.path, name))]),
  )
  const found: string[] = []
  const done = new Set<string>()
  const walk = (path: string, way: string[]): void => {
    const seenAt = way.indexOf(path)
    if (seenAt >= 0) found.push([...way.slice(seenAt), path].join(' → '))
    if (seenAt >= 0 || done.has(path)) return
    for (const target of targets.get(path) ?? []) walk(target, [...way, path])
    done.add(path)
  }
  for (const path of targets.keys()) walk(path, [])
  return found
}

/** A core reads no clock, draws no chance, owns no timer and waits for nothing. */
const FORBIDDEN =
  /(?<![\w$])(?:(?:performance|process|crypto)\.|(?:Date\.now|Math\.random|set(?:Timeout|Interval|Immediate)|queueMicrotask|Promise|async)(?![\w$]))/g
const PURE_ROOMS = ['bus', 'rr-client/core', 'broker/core', 'broker/registry/core']

const wordFaults = (files: File[]): string[] =>
  files
    .filter((file) => PURE_ROOMS.includes(roomOf(file.path)))
    .flatMap((file) =>
      [...new Set(codeOf(file.text).match(FORBIDDEN))].map((word) => `${file.path} says ${word}`),
    )

const MAX_LINES = 400
const lengthFaults = (files: File[]): string[] =>
  files.flatMap((file) => {
    const lines = file.text.replace(/\n$/, '').split('\n').length
    return lines > MAX_LINES ? [`${file.path} has ${lines} lines`] : []
  })

const ENTRIES =
  'package.json tsconfig.json bus rr-client broker scenarios test README.md package-lock.json biome.json knip.json LICENSE .ci .gitignore'
const entryFaults = (paths: string[]): string[] =>
  [...new Set(paths.map((path) => path.split('/')[0]!))].filter(
    (entry) => !ENTRIES.split(' ').includes(entry),
  )

const LICENCE = /^(?:MIT|ISC|Apache-2\.0|BSD-[23]-Clause|BlueOak-1\.0\.0|0BSD|Unlicense)$/
/** Reads SPDX: one side of an OR is enough, both of an AND are needed. */
const isFree = (licence: string): boolean =>
  licence
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((side) => side.split(' AND ').every((name) => LICENCE.test(name.trim())))
const licenceFaults = (packages: { name: string; licence: unknown }[]): string[] =>
  packages
    .filter(({ licence }) => typeof licence !== 'string' || !isFree(licence))
    .map(({ name, licence }) => `${name} is under ${JSON.stringify(licence) ?? 'no licence'}`)

interface Lock {
  packages: Record<string, { resolved?: string; dev?: boolean; optional?: boolean }>
}
const REGISTRY = 'https://registry.npmjs.org/'
const addressFaults = (lock: Lock): string[] =>
  Object.entries(lock.packages)
    .filter(([, { resolved }]) => resolved !== undefined && !resolved.startsWith(REGISTRY))
    .map(([name, { resolved }]) => `${name} comes from ${resolved}`)

const MACHINE_PATH = /(?<![\w.-])\/(?:work|farm|home)\/[\w.-]*/
const pathFaults = (files: File[]): string[] =>
  files.flatMap(({ path, text }) => {
    const found = MACHINE_PATH.exec(text)
    return found === null ? [] : [`${path} names ${found[0]}`]
  })

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const walked = (under: string): string[] =>
  readdirSync(join(ROOT, under), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(under, entry.name)
    if (['.git', 'node_modules', 'dist'].includes(path)) return []
    return entry.isDirectory() ? walked(path) : [path]
  })

/** What git holds or would take; in a copy without git, all there is. */
const repositoryPaths = (): string[] => {
  try {
    const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
    const listed = execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' })
    const paths = listed.split('\0').filter((path) => path !== '' && existsSync(join(ROOT, path)))
    if (paths.includes('package.json')) return paths
  } catch {}
  return walked('')
}

const all: File[] = repositoryPaths().map((path) => ({ path, text: read(path) }))
const SOURCE = /^(?:bus|rr-client|broker|scenarios|test)\/.*\.(?:[cm]?[jt]sx?|css|html)$/
const sources = all.filter((file) => SOURCE.test(file.path))
const lock = JSON.parse(read('package-lock.json')) as Lock

const runtimePackages = (): { name: string; licence: unknown }[] =>
  Object.entries(lock.packages)
    .filter(([name, entry]) => name !== '' && entry.dev !== true)
    .filter(([name, entry]) => entry.optional !== true || existsSync(join(ROOT, name)))
    .map(([name]) => ({
      name,
      licence: (JSON.parse(read(`${name}/package.json`)) as { license?: unknown }).license,
    }))

const file = (path: string, text = ''): File => ({ path, text })

describe('the reader of source text', () => {
  test('blanks comments, strings, templates and expressions, and keeps the code between', () => {
    const text = `const a = 'async' // async
      const b = \`async \${{ c: Promise }} async\`
      const d = /[/"]async/.test(a) /* async */ ? e / async / 2 : "\\"async"`
    const code = codeOf(text)
    assert.equal(code.length, text.length)
    assert.deepEqual(code.match(/async|Promise/g), ['Promise', 'async'])
  })

  test('finds imports over many lines, of types, for effect, re-exports and lazy ones', () => {
    const text = `import {\n type A, // from './no.ts'\n b,\n} from 'many'
      import type { C } from 'type'
      import 'effect'
      export * from 'all'
      export type { D } from "double"
      type E = import('inline').E
      const f = await import(\n 'lazy'\n)
      const g = "import h from 'no'" + Buffer.from('no')`
    const names = ['many', 'type', 'effect', 'all', 'double', 'inline', 'lazy']
    assert.deepEqual(importsOf(file('bus/a.ts', text)), names)
  })
})

describe('who may import whom', () => {
  const verdict = (from: string, specifier: string): number => {
    const there = [targetOf(from, specifier), 'bus/a.ts'].filter((path) => path !== from)
    const text = `import { a } from '${specifier}'`
    return importFaults([file(from, text), ...there.map((path) => file(path))]).filter((fault) =>
      fault.startsWith(`${from} imports ${specifier}`),
    ).length
  }

  const refused: [string, string[]][] = [
    ['bus/x.ts', ['./io/clock.ts', '../broker/api.ts', 'node:fs', 'nanoid', 'finbus']],
    ['bus/io/x.ts', ['../../rr-client/api.ts', '../../broker/core/a.ts', 'finbus/broker']],
    ['broker/core/x.ts', ['../../bus/io/loop.ts', '../admin/a.ts', 'node:fs', 'pino']],
    ['rr-client/core/x.ts', ['../../broker/core/a.ts', '../client.ts', 'ws']],
    ['broker/registry/core/x.ts', ['../../core/a.ts', '../api.ts', 'zod']],
    ['broker/admin/x.ts', ['../../rr-client/index.ts', '../registry/core/a.ts', 'finbus']],
    ['broker/x.ts', ['../rr-client/index.ts', '../rr-client/core/a.ts', 'finbus', '../test/a.ts']],
    ['rr-client/x.ts', ['../broker/index.ts', '../scenarios/a.ts', '../dist/broker/index.js']],
    ['broker/dashboard/x.tsx', ['../broker.ts', '../core/state.ts', '../../bus/io/clock.ts']],
    ['scenarios/cli/x.ts', ['../../broker/listen.ts', '../../bus/a.ts', '../../bus/io/log.ts']],
    ['scenarios/dev/x.ts', ['../../rr-client/core/a.ts', '../testing/world.ts']],
    ['scenarios/sim/x.ts', ['../../broker/listen.ts', '../../rr-client/client.ts']],
  ]
  for (const [from, specifiers] of refused) {
    test(`${from} may not import ${specifiers.join(', ')}`, () => {
      for (const specifier of specifiers) assert.equal(verdict(from, specifier), 1, specifier)
    })
  }

  const granted: [string, string[]][] = [
    ['bus/x.ts', ['./a.ts']],
    ['bus/io/x.ts', ['../a.ts', './loop.ts', 'node:crypto', 'ws']],
    ['broker/core/x.ts', ['../../bus/a.ts', './queue.ts']],
    ['broker/registry/core/x.ts', ['../../../bus/a.ts', './directory.ts']],
    ['broker/registry/x.ts', ['./core/a.ts', '../options.ts', '../../bus/io/clock.ts']],
    ['broker/x.ts', ['../bus/a.ts', '../bus/io/loop.ts', './core/a.ts', './registry/a.ts', 'ws']],
    ['broker/admin/x.ts', ['../steering.ts', '../core/view.ts', '../../bus/io/clock.ts', 'hono']],
    ['broker/dashboard/x.tsx', ['../admin/api.ts', '../../bus/a.ts', './state/a.ts', 'preact']],
    ['rr-client/x.ts', ['../bus/a.ts', '../bus/io/loop.ts', './core/a.ts', 'opossum']],
    ['scenarios/cli/x.ts', ['../../broker/index.ts', '../../bus/index.ts', 'finbus', 'commander']],
    ['scenarios/bench/x.mjs', ['../../dist/broker/index.js', '../../dist/rr-client/index.js']],
    ['scenarios/sim/x.ts', ['../../broker/core/a.ts', '../../rr-client/core/a.ts']],
    ['test/x.ts', ['../broker/core/a.ts', '../rr-client/client.ts', 'fast-check']],
  ]
  for (const [from, specifiers] of granted) {
    test(`${from} may import ${specifiers.join(', ')}`, () => {
      for (const specifier of specifiers) assert.equal(verdict(from, specifier), 0, specifier)
    })
  }

  test('a missing file, a room without rules and an import nobody can read are faults', () => {
    assert.equal(importFaults([file('bus/x.ts', "import './gone.ts'")]).length, 1)
    assert.equal(importFaults([file('tools/x.ts')]).length, 1)
    assert.equal(importFaults([file('broker/x.ts', 'await import(name)')]).length, 1)
  })

  test('the house keeps to it', () => {
    const rooms = new Set(sources.map((source) => roomOf(source.path)))
    for (const room of ['bus', 'bus/io', 'rr-client', 'rr-client/core', 'broker', 'broker/core']) {
      assert.ok(rooms.has(room), `no source found in ${room}: the check would see nothing`)
    }
    assert.ok(sources.flatMap(importsOf).length > 100, 'too few imports found to be all')
    assert.deepEqual(importFaults(sources), [])
  })

  test('the optional peer is needed by its own door only', () => {
    const faults = (path: string, name: string): number =>
      peerFaults([file(path, `import { a } from '${name}'`)]).length
    assert.equal(faults('rr-client/a.ts', '@opentelemetry/api'), 1)
    assert.equal(faults('rr-client/a.ts', './otel/index.ts'), 1)
    assert.equal(faults('broker/admin/a.ts', '@opentelemetry/sdk-trace-base'), 1)
    assert.equal(faults('rr-client/otel/a.ts', '@opentelemetry/api'), 0)
    assert.equal(faults('scenarios/examples/a.ts', 'finbus/otel'), 0)
    assert.deepEqual(peerFaults(sources), [])
  })

  test('files import each other in no circle, not even for types', () => {
    const circle = [
      file('bus/a.ts', "import type { B } from './b.ts'"),
      file('bus/b.ts', "export { c } from './c.ts'"),
      file('bus/c.ts', "import { a } from './a.ts'"),
      file('bus/d.ts', "import { a } from './a.ts'"),
    ]
    assert.deepEqual(cycles(circle), ['bus/a.ts → bus/b.ts → bus/c.ts → bus/a.ts'])
    assert.deepEqual(cycles(circle.slice(0, 2)), [])
    assert.deepEqual(cycles(sources), [])
  })
})

describe('pure rooms', () => {
  test('every forbidden word is found, in every pure room', () => {
    const words = 'Date.now performance. Math.random setTimeout setImmediate process. crypto. '
    for (const word of `${words}Promise async setInterval queueMicrotask`.split(' ')) {
      for (const room of PURE_ROOMS) {
        const faults = wordFaults([
          file(`${room}/x.ts`, `a = ${word}${word.endsWith('.') ? 'b' : '()'}`),
        ])
        assert.deepEqual(faults, [`${room}/x.ts says ${word}`])
      }
    }
  })

  test('comments, texts, longer words and rooms with hands may say them', () => {
    const text = "// Date.now\nconst a = 'async' /* Promise */\nasynchronous(subprocess.x)"
    assert.deepEqual(wordFaults([file('bus/x.ts', text)]), [])
    assert.deepEqual(wordFaults([file('bus/io/x.ts', 'Date.now()')]), [])
  })

  test('the cores and the language read no clock, draw no chance and wait for nothing', () => {
    assert.deepEqual(wordFaults(sources), [])
  })
})

describe('the repository', () => {
  test(`no file has more than ${MAX_LINES} lines`, () => {
    const lines = (count: number): File => file('bus/x.ts', 'a\n'.repeat(count))
    assert.deepEqual(lengthFaults([lines(400)]), [])
    assert.deepEqual(lengthFaults([lines(401)]), ['bus/x.ts has 401 lines'])
    assert.deepEqual(lengthFaults(sources), [])
  })

  test('its top level holds only what was agreed', () => {
    const given = ['bus/a.ts', 'docs/a.md', 'docs/b.md', 'NOTES']
    assert.deepEqual(entryFaults(given), ['docs', 'NOTES'])
    assert.deepEqual(entryFaults(all.map(({ path }) => path)), [])
  })

  test('everything that runs with it is under a free licence', () => {
    const said = ['MIT', '(MIT OR GPL-3.0)', 'GPL-3.0', 'MIT AND GPL-3.0', undefined, { a: 'MIT' }]
    const packages = said.map((licence, i) => ({ name: `${i}`, licence }))
    const found = licenceFaults(packages).map((fault) => fault[0])
    assert.deepEqual(found, ['2', '3', '4', '5'])
    assert.ok(runtimePackages().length > 10, 'too few packages found to be all')
    assert.deepEqual(licenceFaults(runtimePackages()), [])
  })

  test('the lock names no address but the public registry', () => {
    const resolved = ['https://registry.npmjs.org/a', 'http://10.0.0.1/b']
    const packages = Object.fromEntries(resolved.map((to, i) => [`p${i}`, { resolved: to }]))
    assert.deepEqual(addressFaults({ packages }), ['p1 comes from http://10.0.0.1/b'])
    assert.deepEqual(addressFaults(lock), [])
  })

  test('no file names a place on the machine it was written on', () => {
    const place = ['', 'work', 'main'].join('/')
    assert.deepEqual(pathFaults([file('a', `see ${place}/x`)]), [`a names ${place}`])
    assert.deepEqual(pathFaults([file('a', `https://example.org${place} or .${place}`)]), [])
    assert.deepEqual(pathFaults(all), [])
  })
})
