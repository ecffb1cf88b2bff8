/** Whatever befell them: healed, every responder has its fair share again, and none is left alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Prng } from '../bus/prng.ts'
import { Crew, type Member, release } from './virtual/crew.ts'
import { drive } from './virtual/traffic.ts'

/** More with `FINBUS_SEEDS=500 node --test ...`. */
const SEEDS = Number(process.env.FINBUS_SEEDS ?? 10)
const HURT_MS = 6_000
/** The longest isolation lasts up to 39 s; one that began in these few seconds, half of that. */
const HEAL_MS = 25_000

/** Hangs, slows down, freezes, loses links and leaves, at random. */
const hurt = (crew: Crew, prng: Prng): string => {
  const { world } = crew
  const at = prng.below(crew.members.length)
  const member = crew.members[at]!
  const { client, mood } = member
  const roll = prng.below(7)
  if (roll === 0) mood.takesMs = undefined
  else if (roll === 1) mood.takesMs = 50 + prng.below(1_500)
  else if (roll === 2) mood.takesMs = 2
  else if (roll === 3) release(mood)
  else if (roll === 4) world.freeze(client, prng.below(2_500))
  else if (roll === 5) world.cut(client, prng.below(2) === 0 ? 'b1' : 'b2')
  else if (crew.members.length > 2 && !client.isFrozen) {
    crew.leave(member)
    crew.join()
  }
  return `${world.now} ${client.name} ${['hangs', 'slow', 'well', 'released', 'frozen', 'cut', 'leaves'][roll]}`
}

const heal = ({ world, members }: Crew): void => {
  world.healAll()
  for (const { mood } of members) {
    mood.takesMs = 2
    release(mood)
  }
}

const isIsolated = (crew: Crew, member: Member): boolean =>
  !['closed', 'none'].includes(crew.isolationOf(member))

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`history ${seed}`, () => {
    const prng = new Prng(seed)
    const crew = new Crew(4, 2, { concurrency: 8, prefetch: 8 }, 2)
    const { world, r } = crew
    const once = { by: r, perSecond: 200, ask: { timeoutMs: 300 } }
    const twice = { by: r, perSecond: 100, ask: { timeoutMs: 1_000, idempotent: true } }
    const story: string[] = []
    for (let ms = 0; ms < HURT_MS; ms += 100) {
      drive(world, 100, once, twice)
      if (prng.chance(0.3)) story.push(hurt(crew, prng))
    }
    heal(crew)
    // Those that have left in the meantime still hang: nobody waits for them.
    drive(world, HEAL_MS, { ...once, perSecond: 50 }, { ...twice, perSecond: 20 })
    const after = drive(world, 2_000, once, twice)
    world.run(50)
    const told = story.join('\n')
    assert.deepEqual(
      after.failed.map(({ end }) => end),
      [],
      told,
    )
    const isolated = crew.members.filter((member) => isIsolated(crew, member))
    assert.deepEqual(
      isolated.map(({ client }) => client.name),
      [],
      told,
    )
    for (const member of crew.members) {
      const share = after.shareOf(member.client)
      assert.ok(Math.abs(share - 1 / 4) < 0.1, `${member.client.name} has ${share}\n${told}`)
      assert.equal(crew.stateOf(member), 'writable', told)
    }
    for (const call of r.calls) {
      if (call.ask.idempotent === true) continue
      assert.ok(world.ledger.of(r.idOf(call)).length <= 1, told)
    }
  })
}
