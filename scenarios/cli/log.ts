/** Where the bus may log while a command runs: stderr, in lines for people or JSON for machines. */
import { pino } from 'pino'
import type { Log } from '../../rr-client/index.ts'
import type { LogLevel } from './defaults.ts'
import { messageOf, printable } from './failure.ts'

const NEVER_LOGGED = ['token', 'secret', 'body', '*.token', '*.secret', '*.body']

/** `about` says who logs, in each line for machines; people see it in front of the line, if at all. */
export const terminalLog = (level: LogLevel, isJson: boolean, about: object = {}): Log => {
  const options = { level, redact: NEVER_LOGGED }
  if (isJson) {
    return pino(
      { ...options, serializers: { error: pino.stdSerializers.err } },
      pino.destination({ dest: 2, sync: true }),
    ).child(about)
  }
  const write = (line: string): void => {
    process.stderr.write(`${inText(line)}\n`)
  }
  return pino({ ...options, base: null, serializers: { error: messageOf } }, { write })
}

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
}

/** Known to whoever reads the lines of one process. */
const KNOWN_TO_READERS: readonly string[] = ['pid', 'hostname', 'id']

/** A line for machines, from another process of ours, as a line for people; other text as it is. */
export const retold = (line: string): string => {
  try {
    return inText(line, KNOWN_TO_READERS)
  } catch {
    return printable(line)
  }
}

/** `12:30:00 warn  link lost  peer=b1 reason=…`: what pino made, on one short line. */
const inText = (line: string, leftOut: readonly string[] = []): string => {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const clock = new Date(Number(time)).toISOString().slice(11, 19)
  const name = (LEVEL_NAMES[Number(level)] ?? String(level)).padEnd(5)
  // Advisories are logged with their kind as the message.
  const telling = Object.entries(fields).filter(
    ([key, value]) => value !== msg && !leftOut.includes(key),
  )
  const rest = telling.map(([key, value]) => `${key}=${shown(value)}`)
  return printable([clock, name, String(msg ?? ''), ...rest].join(' '))
}

const shown = (value: unknown): string => {
  if (typeof value === 'string') return /\s|^$/.test(value) ? JSON.stringify(value) : value
  return JSON.stringify(isErrorLike(value) ? value.message : value)
}

const isErrorLike = (value: unknown): value is { message: string; stack: string } =>
  typeof value === 'object' && value !== null && 'message' in value && 'stack' in value
