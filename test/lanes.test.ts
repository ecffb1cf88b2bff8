import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type Done, Lane } from '../rr-client/lanes.ts'

/** A lane whose tasks run until they are told to end, and a count of those that run. */
const world = (concurrency: number) => {
  const lane = new Lane(concurrency, setImmediate)
  const started: number[] = []
  const running = new Map<number, Done>()
  let most = 0
  const offer = (id: number): void =>
    lane.offer((done) => {
      started.push(id)
      running.set(id, done)
      most = Math.max(most, running.size)
    })
  const end = (id: number): void => {
    const done = running.get(id)!
    running.delete(id)
    done()
  }
  return { offer, end, started, running, most: () => most }
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

describe('a lane', () => {
  it('never runs more than its limit, and starts in order, whether within a turn or after', async () => {
    const { offer, end, started, running, most } = world(3)
    for (const id of upTo(10)) offer(id)
    assert.deepEqual(started, [0, 1, 2])
    end(1)
    assert.deepEqual(started, [0, 1, 2, 3], 'the next starts in the same turn')
    await turn()
    await turn()
    offer(10)
    while (running.size > 0) {
      end([...running.keys()][0]!)
      await turn()
    }
    assert.deepEqual(started, upTo(11))
    assert.equal(most(), 3)
  })

  it('takes any number of tasks that end at once', () => {
    const lane = new Lane(1, setImmediate)
    let ended = 0
    let release: Done = () => {}
    lane.offer((done) => {
      release = done
    })
    for (let i = 0; i < 20_000; i++) {
      lane.offer((done) => {
        ended += 1
        done()
      })
    }
    release()
    assert.equal(ended, 20_000)
  })

  it('starts directly again once what had overflowed is done', async () => {
    const { offer, end, started, running } = world(1)
    offer(0)
    offer(1)
    await turn()
    end(0)
    await turn()
    end(1)
    await turn()
    offer(2)
    assert.deepEqual(started, [0, 1, 2])
    assert.equal(running.size, 1)
  })
})
