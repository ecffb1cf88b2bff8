/** A shell command as a handler: the body goes to its stdin, its stdout is the reply. */
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { type HandlerContext, ServiceError } from '../../rr-client/index.ts'
import { jsonOrBytes } from './body.ts'

/** The largest body any broker takes. */
const MAX_OUTPUT_BYTES = 67_108_864
const MAX_LINE = 500
/** Between the request to end and the end. */
const KILL_GRACE_MS = 1_000

export class Shell {
  readonly #command: string
  readonly #running = new Set<ChildProcess>()

  constructor(command: string) {
    this.#command = command
  }

  /** Runs the command for one request; killed, with all it started, when the caller gives up. */
  async answer(body: unknown, ctx: HandlerContext): Promise<unknown> {
    if (ctx.signal.aborted) throw failed('the caller gave up before the command started', {})
    const child = spawn(this.#command, {
      shell: true,
      // A process group of its own, so that all of it can be killed, and Ctrl-C does not reach it.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...environmentOf(ctx) },
    })
    const kill = (): void => endGroup(child)
    this.#running.add(child)
    ctx.signal.addEventListener('abort', kill, { once: true })
    try {
      // A command need not read its input.
      child.stdin.on('error', () => {})
      child.stdin.end(inputOf(body))
      const output = await outputOf(child)
      return body instanceof Uint8Array ? output : parsedOutput(output)
    } finally {
      ctx.signal.removeEventListener('abort', kill)
      this.#running.delete(child)
    }
  }

  /** Kills what still runs. Works in an exit handler. */
  killAll(): void {
    for (const child of this.#running) signalGroup(child, 'SIGKILL')
  }
}

const environmentOf = (ctx: HandlerContext): Record<string, string> => ({
  FINBUS_TOPIC: ctx.topic,
  FINBUS_CORRELATION_ID: ctx.correlationId,
  FINBUS_REMAINING_MS: String(Math.floor(ctx.remainingMs())),
  FINBUS_ATTEMPT: String(ctx.attempt),
})

const inputOf = (body: unknown): string | Uint8Array => {
  if (body instanceof Uint8Array) return body
  return body === undefined ? '' : JSON.stringify(body)
}

const parsedOutput = (output: Buffer): unknown =>
  output.length === 0 ? undefined : jsonOrBytes(output)

/** All of stdout, once the command has succeeded and closed it. */
const outputOf = (child: ChildProcessWithoutNullStreams): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    const lastLine = new LastLine()
    let size = 0
    child.stdout.on('data', (part: Buffer) => {
      size += part.length
      if (size <= MAX_OUTPUT_BYTES) parts.push(part)
      else signalGroup(child, 'SIGKILL')
    })
    child.stderr.on('data', (part: Buffer) => {
      process.stderr.write(part)
      lastLine.push(part)
    })
    child.once('error', (error) =>
      reject(failed(`the command did not start: ${error.message}`, {})),
    )
    child.once('close', (exitCode, signal) => {
      if (size > MAX_OUTPUT_BYTES) {
        reject(failed(`the command wrote more than ${MAX_OUTPUT_BYTES} bytes`, { exitCode }))
      } else if (exitCode === 0) resolve(Buffer.concat(parts, size))
      else if (signal !== null) reject(failed(`killed by ${signal}`, { exitCode, signal }))
      else reject(failed(lastLine.text || `exit code ${exitCode}`, { exitCode }))
    })
  })

const failed = (message: string, details: Record<string, unknown>): ServiceError =>
  new ServiceError('COMMAND_FAILED', message, details)

/** Remembers the last line that says something, however much is written. */
class LastLine {
  #line = ''
  #rest = ''

  push(part: Buffer): void {
    const lines = (this.#rest + part.toString('utf8')).split('\n')
    this.#rest = (lines.pop() ?? '').slice(0, MAX_LINE)
    const last = lines.findLast((line) => line.trim() !== '')
    if (last !== undefined) this.#line = last
  }

  get text(): string {
    const last = this.#rest.trim() === '' ? this.#line : this.#rest
    return last.trim().slice(0, MAX_LINE)
  }
}

/** Asks the group to end, then makes it. */
const endGroup = (child: ChildProcess): void => {
  signalGroup(child, 'SIGTERM')
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), KILL_GRACE_MS)
  child.once('close', () => clearTimeout(timer))
}

const signalGroup = (child: ChildProcess, signal: NodeJS.Signals): void => {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // It is gone already.
  }
}
