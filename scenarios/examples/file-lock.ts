/**
 * One process per file: two services that booked into one journal would both pay the same order.
 *
 * Node has no flock, so a file beside it names the holder's pid. A holder that was killed leaves
 * its file behind, and the next one takes it over. A stranger that got the dead holder's pid since
 * only makes us refuse, which is safe. Danger: processes of two hosts or containers that share a
 * volume do not see each other's pids; give each service its own volume.
 */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'

/** What this process holds: its own pid in a file does not tell this life from a former one. */
const held = new Set<string>()

export class FileLock {
  readonly #path: string
  #isHeld = true

  /** Throws when another living process holds the file. */
  static take(file: string): FileLock {
    const path = resolve(`${file}.lock`)
    if (held.has(path)) throw new Error(`${file} is in use by this process already`)
    if (!create(path)) takeOver(file, path)
    held.add(path)
    return new FileLock(path)
  }

  private constructor(path: string) {
    this.#path = path
  }

  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    rmSync(this.#path, { force: true })
    held.delete(this.#path)
  }
}

/** Under a lock of its own, or of two that both found a dead holder one would remove the other. */
const takeOver = (file: string, path: string): void => {
  const taking = `${path}.taking`
  if (!create(taking)) {
    throw new Error(`${file} is being taken over by another process; if not, remove ${taking}`)
  }
  try {
    const holder = holderOf(path)
    if (holder !== undefined && isAlive(holder)) {
      throw new Error(`${file} is in use by process ${holder}; two services must not share it`)
    }
    rmSync(path, { force: true })
    if (!create(path)) throw new Error(`${file} was taken by another process just now`)
  } finally {
    rmSync(taking, { force: true })
  }
}

const create = (path: string): boolean => {
  try {
    const fd = openSync(path, 'wx', 0o600)
    writeSync(fd, `${process.pid}\n`)
    closeSync(fd)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

const holderOf = (path: string): number | undefined => {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10)
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/** Our own pid was the dead holder's, too: in a container the same numbers come again. */
const isAlive = (pid: number): boolean => {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
