/** What responders have begun, each in a book of its own, where a kill cannot reach it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ledger } from '../drills/stage.ts'

export class Books {
  readonly directory = mkdtempSync(join(tmpdir(), 'finbus-books-'))
  #count = 0

  /** The file of a new one, for one life of a responder. */
  open(name: string): string {
    this.#count += 1
    return join(this.directory, `${name}.${this.#count}`)
  }

  /** All books, those of the dead included. */
  read(): Ledger {
    const ledger = new Map<string, number>()
    for (const book of readdirSync(this.directory)) {
      for (const id of readFileSync(join(this.directory, book), 'utf8').split('\n')) {
        if (id !== '') ledger.set(id, (ledger.get(id) ?? 0) + 1)
      }
    }
    return ledger
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
