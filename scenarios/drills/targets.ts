/** Whom an act is about: one process, those of a data centre, or all of a kind. */
import { didYouMean } from '../../bus/index.ts'

export const KINDS = ['broker', 'responder', 'requester', 'registry'] as const
export type Kind = (typeof KINDS)[number]

/** Exactly one of `name`, `idc` and all of that kind; of an IDC its brokers and responders. */
export type Target =
  | { readonly kind: Kind | 'idc'; readonly name: string }
  | { readonly kind: Kind; readonly idc: string }
  | { readonly kind: Kind }

/** One process, as a target finds it. */
export interface Player {
  readonly kind: Kind
  /** `sz-1`: the first of its kind in that IDC. Registries are `1`, `2` … in the IDC ''. */
  readonly name: string
  readonly idc: string
}

const PLURAL: Record<string, Kind> = {
  brokers: 'broker',
  responders: 'responder',
  requesters: 'requester',
  registries: 'registry',
}
const FORMS =
  '"broker NAME", "responder NAME", "requester NAME", "registry NAME", "idc NAME", "brokers of IDC", "all brokers"'

/** A target, or what is wrong with its text. */
export function parseTarget(text: string): Target | string {
  const words = text.split(' ')
  const [first = '', second = '', third = ''] = words
  if (words.length === 2 && first === 'all' && Object.hasOwn(PLURAL, second)) {
    return { kind: PLURAL[second]! }
  }
  if (words.length === 3 && second === 'of' && Object.hasOwn(PLURAL, first)) {
    return { kind: PLURAL[first]!, idc: third }
  }
  if (words.length === 2 && (first === 'idc' || KINDS.includes(first as Kind))) {
    return { kind: first as Kind | 'idc', name: second }
  }
  const hint = didYouMean(first, [...KINDS, 'idc', 'all', ...Object.keys(PLURAL)])
  return `"${text}" is no target${hint}; targets are ${FORMS}`
}

export function targetText(target: Target): string {
  if ('name' in target) return `${target.kind} ${target.name}`
  const plural = Object.keys(PLURAL).find((word) => PLURAL[word] === target.kind)!
  return 'idc' in target ? `${plural} of ${target.idc}` : `all ${plural}`
}

const isMeant = (target: Target, player: Player): boolean => {
  if (target.kind === 'idc') {
    return player.idc === target.name && (player.kind === 'broker' || player.kind === 'responder')
  }
  if (target.kind !== player.kind) return false
  if ('name' in target) return target.name === player.name
  return !('idc' in target) || target.idc === player.idc
}

/** Who is meant, of these. Empty only of a target that names nobody there. */
export const playersOf = <P extends Player>(target: Target, players: readonly P[]): P[] =>
  players.filter((player) => isMeant(target, player))

/** What is wrong with a target for these players; undefined if it is somebody. */
export function targetFault(target: Target, players: readonly Player[]): string | undefined {
  if (playersOf(target, players).length > 0) return undefined
  const known = [
    ...new Set([
      ...players.map(({ kind, name }) => `${kind} ${name}`),
      ...players.filter(({ idc }) => idc !== '').map(({ idc }) => `idc ${idc}`),
    ]),
  ]
  const text = targetText(target)
  return `nobody is ${text}${didYouMean(text, known)}`
}
