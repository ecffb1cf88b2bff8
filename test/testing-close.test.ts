/** The end of a test world: what came to its end is closed, what did not is named. */
import assert from 'node:assert/strict'
import { type TestBus, TestBusError, testBus } from '../scenarios/testing/index.ts'
import { failure, story } from './support/world.ts'

const never = (): Promise<never> => new Promise(() => {})

const town = async (world: TestBus) => {
  const broker = await world.broker()
  const service = await world.connect({ name: 'service' })
  const app = await world.connect({ name: 'app' })
  return { broker, service, app }
}

story('calls under way are let end, then everything is closed', async () => {
  const world = testBus()
  const { broker, service, app } = await town(world)
  await service.reply('work', () => world.sleep(4_000).then(() => 'done'))
  const call = app.request('work', {}, { timeoutMs: 8_000 })
  world.freeze(service)
  await world.close()
  assert.equal(await call, 'done')
  assert.deepEqual([app.snapshot().state, service.snapshot().state], ['closed', 'closed'])
  assert.equal(broker.snapshot().sessions, 0)
  assert.equal(world.close(), world.close())
  await assert.rejects(world.connect(), /this world is closed/)
  await assert.rejects(world.sleep(1), /this world is closed/)
  await failure(app.request('work', {}), 'not_connected')
})

story('an answer, a client and a broker close in good order, each by itself', async () => {
  await using world = testBus()
  const { broker, service, app } = await town(world)
  const answering = await service.reply('work', () => world.sleep(300))
  assert.deepEqual([answering.topic, answering.group, answering.queues], ['work', 'service', 1])
  const call = app.request('work', {})
  await world.sleep(100)
  const report = await answering.close()
  assert.deepEqual(report, { finished: 1, handedBack: 0, abandoned: 0 })
  await call
  await failure(app.request('work', {}), 'no_responder')
  const closing = app.close()
  assert.equal(app.close(), closing)
  assert.deepEqual(await closing, { finished: 0, handedBack: 0, abandoned: 0 })
  await broker.close()
  const error = await failure(service.request('work', {}, { timeoutMs: 400 }), 'deadline_exceeded')
  assert.equal(error.outcome, 'not_executed')
  world.restart(broker)
  await world.until(
    'the service is linked again',
    () => service.snapshot().links[0]!.state === 'up',
  )
})

story('a handler that never ends is named', async () => {
  const world = testBus()
  const { service, app } = await town(world)
  await service.reply('work', never)
  await failure(app.request('work', {}, { timeoutMs: 100 }), 'deadline_exceeded')
  await assert.rejects(
    world.close(),
    /had not ended:\n {2}the handler of work at service, since \d+ ms$/,
  )
})

story('a call that the test forgot is named, and fails', async () => {
  const world = testBus()
  const { app } = await town(world)
  const day = { timeoutMs: 86_400_000, waitForResponder: true }
  const forgotten = app.request('work', {}, day)
  await assert.rejects(world.close(), /the call of work by app, since \d+ ms/)
  await assert.rejects(forgotten, /the call of work by app: the world was closed/)
})

story('a sleep, and work outside that never ends, are named', async () => {
  const sleepy = testBus()
  const nap = sleepy.sleep(60_000)
  await assert.rejects(sleepy.close({ withinMs: 1_000 }), /a sleep of 60000 ms, since 0 ms/)
  await assert.rejects(nap, TestBusError)
  const busy = testBus()
  void busy.outside(never())
  await assert.rejects(busy.close(), /work outside the world, since 0 ms/)
})

story('a killed client answers nobody: calls of the test fail, its own code stops', async () => {
  const world = testBus()
  const { service, app } = await town(world)
  const seen: string[] = []
  await service.reply('work', never)
  await app.reply('relay', async () => {
    try {
      await app.request('work', {})
      seen.push('answered')
    } catch {
      seen.push('failed')
    }
  })
  const relay = service.request('relay', {}).catch((error: Error) => error)
  await world.until('the work is begun', () => service.snapshot().answering[0]!.running === 1)
  const call = app.request('work', {})
  world.kill(app)
  await assert.rejects(call, /the call of work by app: it was killed/)
  await assert.rejects(app.request('work', {}), /app was killed before/)
  assert.deepEqual(await app.close(), { finished: 0, handedBack: 0, abandoned: 0 })
  assert.equal(((await relay) as { code?: string }).code, 'responder_lost')
  await assert.rejects(world.close(), /the handler of work at service/)
  assert.deepEqual(seen, [], 'its code never learned of it')
})

story('an answer that no broker takes is given up, with the reason', async () => {
  const world = testBus()
  const { broker, service } = await town(world)
  world.kill(broker)
  await assert.rejects(
    service.reply('work', () => 1),
    /the declaration of work by service: it did not end within 60000 ms$/,
  )
  await failure(world.connect({ name: 'late' }), 'not_connected')
  await world.close()
})

story('a wait that can never end is given up, with the reason', async () => {
  const world = testBus()
  const { service, app } = await town(world)
  await service.reply('work', () => world.sleep(50))
  world.freeze(app)
  const call = app.request('work', {}, { timeoutMs: 500 })
  await assert.rejects(
    call,
    /the call of work by app: it did not end within 60500 ms: app is frozen/,
  )
  await world.close()
})

story('what a client logs is told in the history and to its own logger', async () => {
  const told: string[] = []
  const note = (_: object, message: string): void => void told.push(message)
  const logger = { debug: note, info: note, warn: note, error: note }
  await using world = testBus()
  await world.broker()
  await world.connect({ name: 'app', logger })
  assert.deepEqual(told, ['link_up'])
  assert.match(world.history.join('\n'), /app +link_up peer=b1 life=\d+ isResumed=false/)
})
