import { pino } from 'pino'
import type { Log } from '../log.ts'

/** A pino logger that leaves out what must never be logged, whatever a caller passes it. */
export const pinoLog = (level: string, isJson: boolean): Log =>
  pino(
    {
      level,
      redact: ['token', 'secret', 'body', '*.token', '*.secret', '*.body'],
      ...(isJson ? {} : { base: null }),
    },
    pino.destination({ dest: 2, sync: true }),
  )
