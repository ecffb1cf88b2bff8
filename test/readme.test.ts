import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** The blocks of a page that are programs, in order. */
const programs = (page: string): string[] => {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1]!)
}

/** What a program says it prints: the comments behind its `console.log` lines. */
const promised = (program: string): string[] =>
  [...program.matchAll(/console\.log\(.*\) \/\/ (.*)/g)].map((match) => match[1]!)

const run = async (program: string): Promise<{ code: number | null; out: string; err: string }> => {
  // Inside the package `import 'finbus'` means the package itself, as it does for its users.
  const folder = mkdtempSync(join(root, 'dist', 'readme-'))
  try {
    const file = join(folder, 'program.mjs')
    writeFileSync(file, program)
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, out, err }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

for (const page of ['README.md', 'broker/README.md', 'scenarios/testing/README.md']) {
  describe(page, () => {
    const all = programs(page)

    it('has programs to paste', () => assert.ok(all.length > 0))

    for (const [index, program] of all.entries()) {
      it(`program ${index + 1} runs as pasted and prints what it says`, async () => {
        const { code, out, err } = await run(program)
        assert.equal(err, '')
        assert.equal(code, 0)
        assert.deepEqual(out.trim().split('\n'), promised(program))
      })
    }
  })
}

describe('scenarios/drills/README.md', () => {
  it("has a drill of one's own that is played as pasted", async () => {
    const text = readFileSync(join(root, 'scenarios/drills/README.md'), 'utf8')
    const [, drill] = /```mjs\n([\s\S]*?)```/.exec(text)!
    const folder = mkdtempSync(join(root, 'dist', 'readme-'))
    try {
      const file = join(folder, 'mine.mjs')
      writeFileSync(file, drill!)
      const cli = join(root, 'dist/scenarios/cli/main.js')
      const child = spawn(process.execPath, [cli, 'drill', file, '--virtual'], { stdio: 'pipe' })
      const [code] = (await once(child, 'close')) as [number | null]
      assert.equal(code, 0)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
