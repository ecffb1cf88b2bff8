/** Bodies at the edges of a terminal: arguments, files and pipes in, text or bytes out. */
import { readFileSync } from 'node:fs'
import { messageOf, UsageError } from './failure.ts'

/** The body an argument stands for: JSON text, `@file`, `-` for stdin, or none. */
export const readBody = async (argument: string | undefined): Promise<unknown> => {
  if (argument === undefined) return undefined
  if (argument === '-') return jsonOrBytes(await readAll(process.stdin))
  if (argument.startsWith('@')) return jsonOrBytes(readBodyFile(argument.slice(1)))
  try {
    return JSON.parse(argument) as unknown
  } catch (error) {
    throw new UsageError(`the body is not JSON: ${messageOf(error)}; ${bodyHint(argument)}`)
  }
}

const bodyHint = (argument: string): string =>
  /^[\w .:/-]+$/.test(argument)
    ? `a text needs its own quotes: '"${argument}"'; a file needs an @ before its name`
    : `quote it for the shell: '{"account":"7"}'; @file sends a file`

const readBodyFile = (path: string): Buffer => {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new UsageError(`cannot read the body: ${messageOf(error)}`)
  }
}

const readAll = async (stream: AsyncIterable<Buffer>): Promise<Buffer> => {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

/** What the bytes say if they are JSON, else the bytes themselves. */
export const jsonOrBytes = (bytes: Buffer): unknown => {
  const text = textOf(bytes)
  if (text === undefined) return bytes
  try {
    return JSON.parse(text) as unknown
  } catch {
    return bytes
  }
}

/** The text in bytes, or undefined when they are not UTF-8. A byte order mark is no part of it. */
const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** What goes to stdout for a reply: nothing, the bytes as they came, or JSON. */
export const printedReply = (reply: unknown, isTerminal: boolean): string | Uint8Array => {
  if (reply === undefined) return ''
  if (!(reply instanceof Uint8Array)) {
    return `${JSON.stringify(reply, undefined, isTerminal ? 2 : undefined)}\n`
  }
  if (!isTerminal) return reply
  const text = textOf(reply)
  return text === undefined || text === '' || text.endsWith('\n') ? reply : `${text}\n`
}

/** A reply as a member of a JSON object. */
export const replyAsJson = (reply: unknown): unknown => {
  if (!(reply instanceof Uint8Array)) return reply
  const text = textOf(reply)
  return text === undefined ? { base64: Buffer.from(reply).toString('base64') } : { text }
}
