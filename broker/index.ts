/** The broker's door: `import { startBroker } from 'finbus/broker'`. */
export type {
  Broker,
  BrokerOptions,
  BrokerSnapshot,
  BrokerTls,
  QueueSnapshot,
  TokenGrant,
  TopicSnapshot,
} from './api.ts'
export { startBroker } from './broker.ts'
