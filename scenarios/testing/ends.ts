import { invalid } from '../../bus/errors.ts'
import type { End } from './api.ts'
import type { Process } from './process.ts'
import { VirtualBroker } from './virtual-broker.ts'
import { VirtualBus } from './virtual-bus.ts'

/** The clients and brokers of one world. */
export class Ends {
  readonly buses = new Set<VirtualBus>()
  readonly brokers = new Map<string, VirtualBroker>()

  get all(): (VirtualBus | VirtualBroker)[] {
    return [...this.buses, ...this.brokers.values()]
  }

  bus(end: unknown): VirtualBus {
    if (end instanceof VirtualBus && this.buses.has(end)) return end
    throw invalid('client', 'must be what connect() of this world gave', end)
  }

  broker(end: unknown): VirtualBroker {
    if (end instanceof VirtualBroker && this.brokers.get(end.id) === end) return end
    throw invalid('broker', 'must be what broker() of this world gave', end)
  }

  process(end: End): Process {
    return this.end(end).process
  }

  end(end: unknown): VirtualBus | VirtualBroker {
    if (end instanceof VirtualBus) return this.bus(end)
    if (end instanceof VirtualBroker) return this.broker(end)
    throw invalid('end', 'must be a client or a broker of this world', end)
  }
}
