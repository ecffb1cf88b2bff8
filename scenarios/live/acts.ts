/** Acts of a drill, done to real processes and to the ways between them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Player, playersOf, type Target, targetText } from '../drills/targets.ts'
import { type Act, actText, type Deed, type SteerAct } from '../drills/words.ts'
import type { Clients } from './clients.ts'
import type { Place } from './place.ts'
import type { Undoing } from './undoing.ts'
import type { Ways } from './ways.ts'

export interface Props {
  clients: Clients
  ways: Ways
  undoing: Undoing
  /** Brokers and registries that can be hurt, and clients. */
  places(): readonly Place[]
  steer(act: SteerAct): Promise<() => Promise<void>>
  /** What went wrong after an act had been done. */
  onFailure(failure: string): void
}

/** A process that cannot link at once, for nobody is there, will when somebody is. */
const JOIN_MS = 3_000

export async function perform(act: Act, props: Props): Promise<void> {
  const { clients, ways, undoing } = props
  switch (act.verb) {
    case 'kill':
    case 'freeze':
    case 'stop':
    case 'restart':
    case 'thaw':
      return deed(act.verb, act.target, act, props)
    case 'cut':
    case 'part':
    case 'delay': {
      const heal = await ways.hurt(act.verb, act, act.byMs)
      undoing.after(act.forMs, actText(act), heal)
      return
    }
    case 'reset':
      return ways.reset(act)
    case 'isolate':
    case 'restore':
    case 'drain':
    case 'resume': {
      const undo = await props.steer(act)
      undoing.after(act.forMs, actText(act), undo)
      return
    }
    case 'slow': {
      const slowed = responders(act.target, props)
      await Promise.all(slowed.map((place) => clients.slow(place, act, act.byMs)))
      undoing.after(act.forMs, actText(act), () =>
        all(slowed, (place) => clients.hasten(place, act)),
      )
      return
    }
    case 'heal':
      for (const place of props.places()) if (place.isFrozen) place.thaw()
      await clients.hastenAll()
      return ways.heal()
    case 'add':
      return all(clients.forkResponders(act.idc, act.count), (place) => join(place, props))
    case 'remove':
      return all(leaving(act.idc, act.count, clients), (place) => place.stop())
    case 'load':
      return clients.load(act.rate)
  }
}

const deed = async (verb: Deed, target: Target, act: Act, props: Props): Promise<void> => {
  const { undoing } = props
  const forMs = 'forMs' in act ? act.forMs : undefined
  if (verb === 'restart') return all(placesOf(target, props), (place) => restart(place, props))
  const up = placesOf(target, props).filter(({ isUp }) => isUp)
  if (up.length === 0) throw new Error(`${targetText(target)} is down already`)
  switch (verb) {
    case 'kill':
      await all(up, (place) => place.kill())
      undoing.after(forMs, actText(act), () => all(up, (place) => revive(place, props)))
      return
    case 'freeze':
      for (const place of up) place.freeze(act)
      undoing.after(forMs, actText(act), () => {
        for (const place of up) place.unfreeze(act)
      })
      return
    case 'stop':
      return all(up, (place) => place.stop())
    case 'thaw':
      for (const place of up) place.thaw()
  }
}

/** Each is tried, whatever becomes of the others; then the first failure counts. */
const all = async <P>(places: readonly P[], work: (place: P) => Promise<void>): Promise<void> => {
  const results = await Promise.allSettled(places.map(work))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

const restart = async (place: Place, props: Props): Promise<void> => {
  if (place.isFrozen) await place.kill()
  else if (place.isUp) await place.stop()
  return revive(place, props)
}

const revive = async (place: Place, props: Props): Promise<void> => {
  if (place.isUp) return
  place.fork()
  await join(place, props)
}

const join = async (place: Place, { onFailure }: Props): Promise<void> => {
  const { child } = place
  let isLate = false
  const joining = place.join().catch((error: Error) => {
    // Killed on its way, as the drill wanted it; or nobody waits for it any more.
    if (!child.isUp) return
    if (!isLate) throw error
    onFailure(`${place.kind} ${place.name}: ${error.message}`)
  })
  const stop = new AbortController()
  try {
    await Promise.race([joining, sleep(JOIN_MS, undefined, { signal: stop.signal })])
  } finally {
    isLate = true
    stop.abort()
  }
}

const placesOf = (target: Target, { places }: Props): Place[] => {
  const found = playersOf(target, places())
  if (found.length === 0) throw new Error(`nobody is ${targetText(target)}`)
  return found
}

const responders = (target: Target, props: Props): Player[] => {
  const found = placesOf(target, props).filter(({ kind }) => kind === 'responder')
  if (found.length > 0) return found
  throw new Error(`${targetText(target)} has no handlers; "slow" is for responders`)
}

/** The youngest first: who was there from the start stays. */
const leaving = (idc: string, count: number, { responders: all }: Clients): Place[] => {
  const there = all.filter((place) => place.idc === idc && place.isUp && !place.isFrozen)
  if (there.length >= count) return there.slice(-count)
  throw new Error(`only ${there.length} responders of ${idc} are up and can stop, not ${count}`)
}
