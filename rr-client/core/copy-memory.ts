import type { RegistryList } from './registry-list.ts'

/** Lives of copies whose newest version is remembered. */
const MAX_COPIES = 64

/** The newest version seen of each life of a copy, whatever url it came by. */
export class CopyMemory {
  readonly #versions = new Map<string, number>()

  /** How the answer stands to those of that copy before. */
  take({ copy, version }: RegistryList): 'older' | 'same' | 'newer' {
    const known = this.#versions.get(copy) ?? -1
    if (version < known) return 'older'
    this.#versions.delete(copy)
    this.#versions.set(copy, version)
    if (this.#versions.size > MAX_COPIES) {
      const [oldest] = this.#versions.keys()
      this.#versions.delete(oldest!)
    }
    return version === known ? 'same' : 'newer'
  }
}
