import { isEligible, owns, type Registration, type Topic } from './topic.ts'

/**
 * Who should own a queue of the topic now: every eligible instance at home, those elsewhere when they
 * take part, no more than the bound. Sticky: who owns one stays before who would be new.
 */
export const ownersOf = (topic: Topic, hasRemote: boolean): Set<Registration> => {
  const eligible: Registration[] = []
  for (const registration of topic.registrations) {
    if (isEligible(registration) && (registration.isLocal || hasRemote)) {
      eligible.push(registration)
    }
  }
  const { maxQueues } = topic
  if (maxQueues === 0 || eligible.length <= maxQueues) return new Set(eligible)
  // Sorting is stable: among equals the first to come is the first to own.
  eligible.sort((a, b) => rankOf(a) - rankOf(b))
  return new Set(eligible.slice(0, maxQueues))
}

const rankOf = (registration: Registration): number =>
  (owns(registration) ? 0 : 2) + (registration.isLocal ? 0 : 1)
