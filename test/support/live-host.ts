/** A process that hosts a stage and leaves it in disorder; does nothing unless it is forked. */
import { liveStage } from '../../scenarios/live/index.ts'
import { Theatre } from './live.ts'
import { World } from './world.ts'

if (process.send !== undefined) {
  const theatre = new Theatre(new World(() => {}), liveStage())
  await theatre.start({ idcs: { sz: { responders: 2, bystanders: 2 } } }, { rate: 50 })
  await theatre.act('freeze responder sz-1', 'freeze broker sz-1')
  process.send('ready')
  process.on('message', (what) => {
    if (what === 'throw') throw new Error('a drill of somebody, with a defect')
  })
}
