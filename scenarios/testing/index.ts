/** The door for tests: `import { testBus } from 'finbus/testing'`. */
export type {
  AnyBus,
  CloseOptions,
  End,
  FaultOptions,
  For,
  From,
  TestBrokerOptions,
  TestBus,
  TestBusOptions,
  TestConnectOptions,
} from './api.ts'
export { TestBusError } from './error.ts'
export { testBus } from './world.ts'
