/** What callers count of their own calls, from what their promises did and nothing else. */
import type { Bus, RequestOptions } from '../../rr-client/index.ts'

/** By caller, topic and end: `ok`, or code and outcome. */
export type Counts = Record<string, Record<string, Record<string, number>>>

export class Books {
  readonly counts: Counts = {}
  open = 0

  /** Makes a call and writes down how it ended; resolves with the end. */
  async call(
    caller: string,
    bus: Bus,
    topic: string,
    body: object,
    options: RequestOptions = {},
  ): Promise<string> {
    this.open += 1
    let end = 'ok'
    try {
      await bus.request(topic, body, options)
    } catch (error) {
      const { code, outcome } = error as { code?: string; outcome?: string }
      end = `${code} ${outcome}`
    }
    this.open -= 1
    this.counts[caller] ??= {}
    const topics = this.counts[caller]
    topics[topic] ??= {}
    topics[topic][end] = (topics[topic][end] ?? 0) + 1
    return end
  }

  get total(): number {
    const sums = Object.values(this.counts).flatMap((topics) =>
      Object.values(topics).flatMap((ends) => Object.values(ends)),
    )
    return sums.reduce((sum, count) => sum + count, 0)
  }
}
