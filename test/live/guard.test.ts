/** Nothing is left behind, however a drill ends: not a process, not even a stopped one, nor a file. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { alive, childrenOf, hasProc, ownTmp } from '../support/live.ts'
import { story, until, type World } from '../support/world.ts'

const HOST = fileURLToPath(new URL('../support/live-host.js', import.meta.url))

const host = async (world: World): Promise<ChildProcess> => {
  const child = fork(HOST, [], { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  world.later(() => child.kill('SIGKILL'))
  const [what] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  assert.equal(what, 'ready')
  return child
}

const leavesNothing = (how: string, end: (child: ChildProcess) => void): void =>
  story(
    `the host of a drill with frozen processes ${how}: nothing of it lives two seconds later`,
    async (world) => {
      const tmp = ownTmp(world)
      const child = await host(world)
      const pids = childrenOf(child.pid!)
      // Broker, two responders, requester, bystanders, the ways, and the guard.
      assert.equal(alive(pids).length, 7)
      assert.equal(readdirSync(tmp).length, 1)
      const gone = once(child, 'exit')
      end(child)
      await gone
      await until('no process of it is left', () => alive(pids).length === 0, 4_000)
      assert.deepEqual(readdirSync(tmp), [])
    },
    90_000,
  )

if (hasProc) {
  leavesNothing('is killed', (child) => child.kill('SIGKILL'))
  leavesNothing('is told to end', (child) => child.kill('SIGTERM'))
  leavesNothing('throws', (child) => child.send('throw'))
} else {
  test('what lives is told by /proc', { skip: 'this system has none' }, () => {})
}
