/** What there is to act upon, by a snapshot: a mistyped name must not pass for one that nobody has. */
import type { ClusterSnapshot } from '../../broker/index.ts'
import { didYouMean } from '../../bus/index.ts'
import { Failure } from './failure.ts'

/** What a word on the command line names. */
export type Kind = 'topic' | 'idc' | 'instance' | 'broker'

/** Every topic. */
const ALL = '*'
/** So many are listed where a name means several. */
const MOST_LISTED = 8

interface Someone {
  instance: string
  name: string
}

/** What the word stands for: itself, or the instance that has this name. A Failure if nobody is it. */
export const meant = (kind: Kind, word: string, snapshot: ClusterSnapshot): string => {
  if (kind === 'instance') return instanceOf(word, snapshot)
  const known = [...NAMES[kind](snapshot)].sort()
  if (known.includes(word) || (kind === 'topic' && word === ALL)) return word
  throw new Failure(`${NOBODY[kind]} "${word}"${didYouMean(word, known)}`, {
    facts: { code: 'not_found', known: known.slice(0, 100) },
    ...(known.length === 0 ? {} : { remedy: `There is: ${listed(known)}.` }),
  })
}

const NOBODY: Readonly<Record<Exclude<Kind, 'instance'>, string>> = {
  topic: 'nobody calls or answers a topic',
  idc: 'there is no IDC',
  broker: 'there is no broker',
}

const NAMES: Readonly<
  Record<Exclude<Kind, 'instance'>, (snapshot: ClusterSnapshot) => ReadonlySet<string>>
> = {
  topic: ({ brokers, clients, forces }) =>
    new Set([
      ...brokers.flatMap(({ view }) => view?.topics.map(({ topic }) => topic) ?? []),
      ...clients.flatMap(({ topics }) => topics.map(({ topic }) => topic)),
      ...clients.flatMap(({ answering }) => answering.map(({ topic }) => topic)),
      ...forces.map(({ topic }) => topic),
    ]),
  idc: ({ brokers, clients }) =>
    new Set([...brokers.map(({ idc }) => idc), ...clients.map(({ idc }) => idc)]),
  broker: ({ brokers }) => new Set(brokers.map(({ id }) => id)),
}

const instanceOf = (word: string, snapshot: ClusterSnapshot): string => {
  const known = someoneIn(snapshot)
  if (known.some(({ instance }) => instance === word)) return word
  const named = known.filter(({ name }) => name === word)
  if (named.length === 1) return named[0]!.instance
  if (named.length > 1) {
    throw new Failure(`${named.length} instances are called ${word}; say which`, {
      facts: { code: 'ambiguous', known: named },
      remedy: `Their ids: ${listed(named.map(({ instance }) => instance))}.`,
    })
  }
  // The snapshot holds not all of them: the broker knows better.
  if (snapshot.clientsOmitted > 0) return word
  const words = known.flatMap(({ instance, name }) => [name, instance]).filter((one) => one !== '')
  throw new Failure(`no instance is "${word}", nor called so${didYouMean(word, words)}`, {
    facts: { code: 'not_found' },
    remedy: '`finbus sessions` lists them.',
  })
}

const someoneIn = ({ brokers, clients }: ClusterSnapshot): Someone[] => {
  const names = new Map<string, string>()
  for (const { view } of brokers) {
    for (const { queues, held } of view?.topics ?? []) {
      for (const { instance } of held) names.set(instance, names.get(instance) ?? '')
      for (const { owner, ownerName } of queues) names.set(owner, ownerName)
    }
  }
  for (const { instance, name } of clients) names.set(instance, name)
  return [...names].map(([instance, name]) => ({ instance, name }))
}

const listed = (words: readonly string[]): string =>
  words.length <= MOST_LISTED
    ? words.join(', ')
    : `${words.slice(0, MOST_LISTED).join(', ')} and ${words.length - MOST_LISTED} more`
