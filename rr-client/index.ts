/** The client's door: `import { connect, BusError, ServiceError } from 'finbus'`. */

export type { Advisory } from '../bus/advisory.ts'
export type { Codec } from '../bus/codec.ts'
export type { BusErrorCode, ErrorDetails, Outcome } from '../bus/errors.ts'
export { BusError, ERROR_TABLE, ServiceError } from '../bus/errors.ts'
export type { Headers } from '../bus/headers.ts'
export type { Log } from '../bus/log.ts'
export type {
  Answering,
  AnyContracts,
  Bus,
  BusSnapshot,
  CloseOptions,
  CloseReport,
  ConnectOptions,
  Contracts,
  ForceOptions,
  ForceReport,
  Handler,
  HandlerContext,
  LinkSnapshot,
  RegistrySnapshot,
  ReplyOptions,
  RequestOptions,
  RouteView,
  TlsOptions,
  TopicView,
} from './api.ts'
export type { HandleTrace, ReceiveMessage, RequestTrace, SendMessage } from './channels.ts'
export { type ConnectTarget, connect } from './connect.ts'
