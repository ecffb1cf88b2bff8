/** A JSON object of so many bytes at most, put together field by field. */
export class BoundedJson {
  readonly #parts: string[] = []
  #left: number

  constructor(maxBytes: number) {
    this.#left = maxBytes - '{}'.length
  }

  /** Bytes that one more field may have, its name not counted. */
  get left(): number {
    return this.#left
  }

  /** Puts a field in if it fits; `json` is its value. */
  field(name: string, json: string): boolean {
    const part = `${this.#parts.length > 0 ? ',' : ''}${JSON.stringify(name)}:${json}`
    const size = Buffer.byteLength(part)
    if (size > this.#left) return false
    this.#left -= size
    this.#parts.push(part)
    return true
  }

  done(): Buffer {
    return Buffer.from(`{${this.#parts.join('')}}`)
  }
}

/** As many of these as fit in so many bytes, as the JSON of a list, and how many that are. */
export const boundedList = <T>(
  items: Iterable<T>,
  jsonOf: (item: T) => string,
  maxBytes: number,
): { json: string; count: number } => {
  const parts: string[] = []
  let left = maxBytes - '[]'.length
  for (const item of items) {
    const json = jsonOf(item)
    const size = Buffer.byteLength(json) + (parts.length > 0 ? 1 : 0)
    if (size > left) break
    left -= size
    parts.push(json)
  }
  return { json: `[${parts.join(',')}]`, count: parts.length }
}
