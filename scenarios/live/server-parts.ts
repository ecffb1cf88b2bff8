/** Brokers and registries as processes. */
import {
  type Broker,
  type BrokerOptions,
  type BrokerSnapshot,
  type Registry,
  startBroker,
  startRegistry,
} from '../../broker/index.ts'
import { log, onTerm } from './manners.ts'

export function brokerPart() {
  let running: Broker | undefined
  return {
    listen: async (options: BrokerOptions): Promise<{ url: string }> => {
      running = await startBroker({ listen: 'ws://127.0.0.1:0', logger: log, ...options })
      onTerm(() => running!.close())
      return { url: running.url }
    },
    snapshot: (): BrokerSnapshot => running!.snapshot(),
  }
}

export function registryPart() {
  let running: Registry | undefined
  return {
    listen: async ({ listen = 'http://127.0.0.1:0' } = {}): Promise<{ url: string }> => {
      running = await startRegistry({ listen, logger: log })
      onTerm(() => running!.close())
      return { url: running.url }
    },
    brokers: (): number => running!.snapshot().brokers.length,
  }
}
