/** What a client says when its own state is the reason. */
import { BusError } from '../bus/errors.ts'

export const closedError = (): BusError =>
  new BusError('not_connected', 'this bus is closed', { details: { stage: 'requester' } })

export const cannotLink = (reason: string): BusError =>
  new BusError('not_connected', `no link can be made to ${reason}`, {
    details: { stage: 'link' },
  })

export const withCause = (error: BusError, cause: unknown): BusError => {
  const { code, message, outcome, details } = error
  return new BusError(code, message, { outcome, details, cause })
}
