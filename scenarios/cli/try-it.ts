/** The one call that the dashboard makes: by a client of its own, which is there once it is wanted. */
import type { AdminOptions, Broker } from '../../broker/index.ts'
import { type Bus, type ConnectOptions, connect } from '../../rr-client/index.ts'

type Call = NonNullable<AdminOptions['tryIt']>

export class TryIt {
  readonly #options: ConnectOptions
  #broker: Broker | undefined
  #bus: Promise<Bus> | undefined
  #isClosed = false

  constructor(options: ConnectOptions = {}) {
    this.#options = options
  }

  /** To be handed to `startBroker`, before there is a broker. */
  readonly call: Call = async (topic, body, options) => {
    const bus = await this.#connected()
    const since = performance.now()
    let correlationId = ''
    const onAccepted = (id: string): void => {
      correlationId = id
    }
    const reply: unknown = await bus.request(topic, body, { ...options, onAccepted })
    return { reply, correlationId, tookMs: Math.round((performance.now() - since) * 100) / 100 }
  }

  /** The broker that it calls by. */
  serve(broker: Broker): void {
    this.#broker = broker
  }

  /** Before the broker is closed. */
  async close(): Promise<void> {
    this.#isClosed = true
    const bus = await this.#bus?.catch(() => undefined)
    await bus?.close({ timeoutMs: 0 })
  }

  #connected(): Promise<Bus> {
    const broker = this.#broker
    if (broker === undefined || this.#isClosed) {
      return Promise.reject(new Error('the broker is not up'))
    }
    this.#bus ??= connect(broker, { name: 'try-it', idc: broker.idc, ...this.#options }).catch(
      (error: unknown) => {
        // The next call tries again.
        this.#bus = undefined
        throw error
      },
    )
    return this.#bus
  }
}
