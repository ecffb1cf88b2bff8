/** Where the bus may log while a command runs: stderr, in lines for people or JSON for machines. */
import { pino } from 'pino'
import type { Log } from '../../rr-client/index.ts'
import type { LogLevel } from './defaults.ts'
import { messageOf, printable } from './failure.ts'

const NEVER_LOGGED = ['token', 'secret', 'body', '*.token', '*.secret', '*.body']

export const terminalLog = (level: LogLevel, isJson: boolean): Log => {
  const options = { level, redact: NEVER_LOGGED }
  if (isJson) {
    return pino(
      { ...options, serializers: { error: pino.stdSerializers.err } },
      pino.destination({ dest: 2, sync: true }),
    )
  }
  return pino({ ...options, base: null, serializers: { error: messageOf } }, { write: writeLine })
}

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
}

/** `12:30:00 warn  link lost  peer=b1 reason=…`: what pino made, on one short line. */
const writeLine = (line: string): void => {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const clock = new Date(Number(time)).toISOString().slice(11, 19)
  const name = (LEVEL_NAMES[Number(level)] ?? String(level)).padEnd(5)
  // Advisories are logged with their kind as the message.
  const telling = Object.entries(fields).filter(([, value]) => value !== msg)
  const rest = telling.map(([key, value]) => `${key}=${shown(value)}`)
  process.stderr.write(`${printable([clock, name, String(msg ?? ''), ...rest].join(' '))}\n`)
}

const shown = (value: unknown): string => {
  if (typeof value === 'string') return /\s|^$/.test(value) ? JSON.stringify(value) : value
  return JSON.stringify(value)
}
