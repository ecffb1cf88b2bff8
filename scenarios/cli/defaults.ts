/** What holds when nobody says otherwise, where both the help and the commands need it. */

export const DEFAULT_URL = 'ws://127.0.0.1:7400'
export const DEFAULT_REGISTRY = 'http://127.0.0.1:7470'
export const DEFAULT_ADMIN = 'http://127.0.0.1:7480'
export const DEFAULT_IDC = 'local'
/** Responders of the command line share topics unless told otherwise. */
export const DEFAULT_GROUP = 'finbus'
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
