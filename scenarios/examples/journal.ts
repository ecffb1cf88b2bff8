/**
 * An append-only file of JSON lines that survives the process and the machine: `synced()` resolves
 * when all lines appended before are on the disk (fsync), and one fsync serves all that wait.
 *
 * A crash can tear the last line; it was never acknowledged, so opening cuts it off. A line that
 * makes no sense before the last is no crash but damage, and nobody guesses over money: `Ledger`
 * refuses to start. The file is bounded, not compacted: at `maxBytes` appending is refused and an
 * operator must start new books. No snapshot is kept, so opening reads every line again.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ServiceError } from '../../rr-client/index.ts'
import { FileLock } from './file-lock.ts'

export interface JournalOptions {
  /** Every journal starts with these characters; a file that does not is somebody else's. */
  head: string
  maxBytes: number
  /** The disk failed: whether the last lines are on it is unknown, and this process cannot find out. */
  onBroken: (error: Error) => void
}

const NEWLINE = 0x0a
const OWNER_ONLY = 0o600

export class Journal {
  readonly #file: FileHandle
  readonly #lock: FileLock
  readonly #options: JournalOptions
  #size: number
  #pending: string[] = []
  #next: Promise<void> | undefined
  #writing: Promise<void> = Promise.resolve()
  #broken: Error | undefined

  /** Opens or creates it. `lines` are what it holds. */
  static async open(
    path: string,
    options: JournalOptions,
  ): Promise<{ journal: Journal; lines: string[] }> {
    const lock = FileLock.take(path)
    let file: FileHandle | undefined
    try {
      file = await open(path, 'a+', OWNER_ONLY)
      const bytes = await file.readFile()
      refuseForeign(path, bytes, options.head)
      const size = bytes.lastIndexOf(NEWLINE) + 1
      if (size < bytes.length) await file.truncate(size)
      await file.sync()
      await syncFolder(dirname(path))
      const lines = bytes.toString('utf8', 0, size).split('\n').slice(0, -1)
      return { journal: new Journal(file, lock, options, size), lines }
    } catch (error) {
      await file?.close()
      lock.release()
      throw error
    }
  }

  private constructor(file: FileHandle, lock: FileLock, options: JournalOptions, size: number) {
    this.#file = file
    this.#lock = lock
    this.#options = options
    this.#size = size
  }

  /** Takes a line; only `synced()` says when it is safe. Throws LEDGER_FULL before it would grow too large. */
  append(record: object): void {
    if (this.#broken !== undefined) throw this.#broken
    const line = `${JSON.stringify(record)}\n`
    const size = this.#size + Buffer.byteLength(line)
    const limit = this.#options.maxBytes
    if (size > limit) {
      throw new ServiceError('LEDGER_FULL', `the journal has reached its limit of ${limit} bytes`, {
        limit,
        current: this.#size,
      })
    }
    this.#size = size
    this.#pending.push(line)
  }

  /** Resolves when every line appended so far is on the disk. */
  synced(): Promise<void> {
    if (this.#next === undefined && this.#pending.length > 0) {
      this.#next = this.#writing.then(() => {
        this.#next = undefined
        this.#writing = this.#write()
        return this.#writing
      })
    }
    return this.#next ?? this.#writing
  }

  /** Writes what is left and lets go of the file. */
  async close(): Promise<void> {
    try {
      await this.synced()
    } finally {
      await this.#file.close()
      this.#lock.release()
    }
  }

  async #write(): Promise<void> {
    const lines = this.#pending.join('')
    this.#pending = []
    try {
      await this.#file.appendFile(lines)
      // After a failed fsync a second one may report success for lost pages: never try again.
      await this.#file.datasync()
    } catch (error) {
      this.#broken = new Error('the journal cannot be written', { cause: error })
      this.#options.onBroken(this.#broken)
      throw this.#broken
    }
  }
}

/** Cutting the last line off a file that is no journal would damage it. */
const refuseForeign = (path: string, bytes: Buffer, head: string): void => {
  const start = bytes.toString('utf8', 0, head.length)
  if (!head.startsWith(start)) throw new Error(`${path} is no ledger journal`)
}

/** A file is safe when its name in the folder is, too. */
const syncFolder = async (path: string): Promise<void> => {
  // Windows cannot open a folder, and needs not.
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
