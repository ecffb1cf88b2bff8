import assert from 'node:assert/strict'
import { once } from 'node:events'
import { story } from '../support/world.ts'

story(
  'the trial of a half-open circuit counts once, and closes it only by its own end',
  async (world) => {
    const broker = await world.broker()
    const service = await world.connect(broker.url, { name: 'ledger' })
    let answer: () => void = () => {}
    await service.reply('ledger.close', () => new Promise<void>((resolve) => (answer = resolve)))
    const bus = await world.connect(broker.url)
    const circuit = bus.circuit('ledger.close')
    circuit.open()
    await once(circuit, 'halfOpen')
    const before = circuit.stats.fires
    const trial = bus.request('ledger.close', 1, { waitForResponder: true })
    await assert.rejects(bus.request('ledger.close', 2), { code: 'circuit_open' })
    while (service.snapshot().answering[0]?.running !== 1) await new Promise(setImmediate)
    answer()
    await trial
    assert.equal(circuit.closed, true)
    assert.equal(circuit.stats.successes, 1)
    assert.equal(circuit.stats.fires - before, 2, 'the trial and the one that was not let through')
  },
)
