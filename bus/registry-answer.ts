/** What a copy of the registry says to a question over HTTP, whatever was asked. */

/** What comes back; `body` is parsed JSON, or undefined if it was none. */
export interface RegistryAnswer {
  readonly status: number
  readonly body: unknown
}

export interface RegistryRefusal {
  readonly code: string
  readonly message: string
}

/** What a copy says when it refuses; undefined if that is no registry's way to refuse. */
export const refusalIn = ({ status, body }: RegistryAnswer): RegistryRefusal | undefined => {
  if (status < 400 || status > 499) return undefined
  const error = (body as { error?: Partial<RegistryRefusal> } | undefined | null)?.error
  if (typeof error?.code !== 'string' || typeof error.message !== 'string') return undefined
  return { code: error.code.slice(0, 64), message: error.message.slice(0, 1_000) }
}

/** Why an answer is of no use, in a few words. */
export const uselessAnswer = ({ status, body }: RegistryAnswer): string => {
  const error = (body as { error?: { message?: unknown } } | undefined | null)?.error
  const message = typeof error?.message === 'string' ? `: ${error.message.slice(0, 200)}` : ''
  return `HTTP ${status}${message}`
}
