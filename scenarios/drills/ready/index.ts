/** The drills that finbus brings with it, in the order in which they are listed and played. */
import { didYouMean } from '../../../bus/index.ts'
import { type Drill, DrillError, readDrill } from '../drill.ts'
import { brokerCrash } from './broker-crash.ts'
import { brokerFreeze } from './broker-freeze.ts'
import { idcFailback } from './idc-failback.ts'
import { idcFailover } from './idc-failover.ts'
import { oneWayCut } from './one-way-cut.ts'
import { reconnectStorm } from './reconnect-storm.ts'
import { registryLoss } from './registry-loss.ts'
import { retryStorm } from './retry-storm.ts'
import { rollingRestart } from './rolling-restart.ts'
import { scaleOutIn } from './scale-out-in.ts'
import { slowResponder } from './slow-responder.ts'
import { splitBrain } from './split-brain.ts'

const TEXTS = [
  ...[idcFailover, idcFailback, brokerCrash, brokerFreeze, splitBrain, oneWayCut],
  ...[slowResponder, rollingRestart, scaleOutIn, reconnectStorm, retryStorm, registryLoss],
]

export const READY: readonly Drill[] = TEXTS.map(readDrill)

/** The ready-made drill of that name. Throws `DrillError` with the nearest one. */
export const readyDrill = (name: string): Drill => {
  const found = READY.find((drill) => drill.name === name)
  if (found !== undefined) return found
  const names = READY.map((drill) => drill.name)
  throw new DrillError(`there is no drill "${name}"${didYouMean(name, names)}`)
}
