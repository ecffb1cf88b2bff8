/** The broker's door: `import { startBroker } from 'finbus/broker'`. */
export type {
  ActionReport,
  AdminError,
  AuditEntry,
  BrokerPart,
  ClientPart,
  ClusterSnapshot,
  DrillMark,
  StandingForce,
  TimelineEntry,
  Trace,
} from './admin/api.ts'
export type {
  AdminOptions,
  Broker,
  BrokerOptions,
  BrokerSnapshot,
  BrokerTls,
  DarkLaunchRule,
  QueueSnapshot,
  TokenGrant,
  TopicSnapshot,
  TriedCall,
  TryIt,
} from './api.ts'
export { startBroker } from './broker.ts'
export type { SessionView } from './core/view.ts'
export type { Registry, RegistryOptions, RegistrySnapshot } from './registry/api.ts'
export { startRegistry } from './registry/registry.ts'
