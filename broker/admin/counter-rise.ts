/** What counters by name have grown by since they were last read, under names as Prometheus writes them. */
export class CounterRise {
  #last: ReadonlyMap<string, number> = new Map()

  /** Those that have not grown, too: so each has a series from the start. */
  since(counters: Readonly<Record<string, number>>): [name: string, by: number][] {
    const now = new Map(Object.entries(counters))
    const rises = [...now].map(([name, total]): [string, number] => [
      name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
      Math.max(0, total - (this.#last.get(name) ?? 0)),
    ])
    this.#last = now
    return rises
  }
}
