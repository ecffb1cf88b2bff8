/** The broker's door: `import { startBroker } from 'finbus/broker'`. */
export type {
  Broker,
  BrokerOptions,
  BrokerSnapshot,
  BrokerTls,
  DarkLaunchRule,
  QueueSnapshot,
  TokenGrant,
  TopicSnapshot,
} from './api.ts'
export { startBroker } from './broker.ts'
export type { Registry, RegistryOptions, RegistrySnapshot } from './registry/api.ts'
export { startRegistry } from './registry/registry.ts'
