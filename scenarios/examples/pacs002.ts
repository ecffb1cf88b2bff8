/** Writes an ISO 20022 pacs.002, the status report that answers a pacs.008: who was paid, who not, why. */
import { randomUUID } from 'node:crypto'
import { XMLBuilder } from 'fast-xml-parser'
import type { CreditTransfer, CreditTransferMessage } from './pacs008.ts'

/** Of ISO's external status reason codes, those that are given here. */
export type ReasonCode =
  /** IncorrectAccountNumber. */
  | 'AC01'
  /** NotAllowedCurrency. */
  | 'AM03'
  /** InsufficientFunds. */
  | 'AM04'
  /** Duplication. */
  | 'AM05'
  /** InvalidAmount. */
  | 'AM12'
  /** InvalidFileFormat. */
  | 'FF01'

export interface Reason {
  /** Absent when there is only something to say. */
  code?: ReasonCode
  text: string
}

export interface TransactionStatus {
  transaction: CreditTransfer
  /** Settled, or rejected. */
  status: 'ACSC' | 'RJCT'
  reason?: Reason
  /** The number in the books, and when it was booked. */
  entry?: number
  bookedAt?: string
}

export interface StatusReport {
  message: CreditTransferMessage
  /** Why nothing in the message was even tried. */
  reason?: Reason
  statuses: TransactionStatus[]
}

const NAMESPACE = 'urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10'
/** ISO's bound for one AddtlInf. */
const MAX_TEXT = 105

const builder = new XMLBuilder({
  attributeNamePrefix: '@',
  ignoreAttributes: false,
  format: true,
  suppressEmptyNode: false,
})

export const writePacs002 = (report: StatusReport): Buffer => {
  const { message, statuses } = report
  // The schema is a sequence: elements stand in the order in which they are written here.
  const body = {
    GrpHdr: present({
      // Max35Text, so without the hyphens.
      MsgId: randomUUID().replaceAll('-', ''),
      CreDtTm: new Date().toISOString(),
      // The answer goes the other way.
      InstgAgt: agent(message.instructedAgent),
      InstdAgt: agent(message.instructingAgent),
    }),
    OrgnlGrpInfAndSts: present({
      OrgnlMsgId: message.messageId,
      OrgnlMsgNmId: message.type,
      OrgnlCreDtTm: message.createdAt,
      OrgnlNbOfTxs: message.declaredCount,
      OrgnlCtrlSum: message.declaredSum,
      GrpSts: groupStatus(statuses),
      StsRsnInf: reasonInformation(report.reason),
    }),
    TxInfAndSts: statuses.map(transactionStatus),
  }
  const xml: unknown = builder.build({
    '?xml': { '@version': '1.0', '@encoding': 'UTF-8' },
    Document: { '@xmlns': NAMESPACE, FIToFIPmtStsRpt: body },
  })
  return Buffer.from(String(xml))
}

const transactionStatus = (status: TransactionStatus): object =>
  present({
    OrgnlInstrId: status.transaction.instructionId,
    OrgnlEndToEndId: status.transaction.endToEndId,
    OrgnlTxId: status.transaction.transactionId,
    OrgnlUETR: status.transaction.uetr,
    TxSts: status.status,
    StsRsnInf: reasonInformation(status.reason),
    AccptncDtTm: status.bookedAt,
    AcctSvcrRef: status.entry?.toString(),
  })

/** All settled, all rejected, or some of each. */
const groupStatus = (statuses: readonly TransactionStatus[]): 'ACSC' | 'RJCT' | 'PART' => {
  const settled = statuses.filter(({ status }) => status === 'ACSC').length
  if (settled === 0) return 'RJCT'
  return settled === statuses.length ? 'ACSC' : 'PART'
}

const reasonInformation = (reason: Reason | undefined): object | undefined => {
  if (reason === undefined) return undefined
  const rsn = reason.code === undefined ? undefined : { Cd: reason.code }
  return present({ Rsn: rsn, AddtlInf: shorten(reason.text) })
}

const shorten = (text: string): string =>
  text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 3)}...`

const agent = (bic: string | undefined): object | undefined =>
  bic === undefined ? undefined : { FinInstnId: { BICFI: bic } }

const present = (members: Record<string, unknown>): object =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
