/**
 * Reads an ISO 20022 pacs.008, the credit transfer between banks, version 08 or newer, into what a
 * ledger needs. A text that is none, or lacks what every pacs.008 has, is INVALID_MESSAGE, and the
 * error names the element; whether the orders in it can be paid is not judged here.
 */
import { ServiceError } from '../../rr-client/index.ts'
import { readXml, type XmlElement, XmlError } from './xml.ts'

export interface CreditTransferMessage {
  /** Such as `pacs.008.001.08`. */
  type: string
  messageId: string
  createdAt: string
  /** As the sender counted, which need not be true. */
  declaredCount: string
  declaredSum?: string
  /** BICs of the sending and the receiving bank. */
  instructingAgent?: string
  instructedAgent?: string
  transactions: CreditTransfer[]
}

export interface CreditTransfer {
  instructionId?: string
  endToEndId: string
  transactionId?: string
  uetr?: string
  amount: string
  currency: string
  /** IBAN, or the bank's own number; the schema lets both be absent. */
  debtorAccount?: string
  creditorAccount?: string
}

const NAMESPACE = /^urn:iso:std:iso:20022:tech:xsd:(pacs\.008\.001\.(\d{2}))$/
const FIRST_VERSION = 8
const UETR = /^[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}$/
/** What ISO calls Max35Text, and account numbers, which may have 34. */
const MAX_ID = 35
const MAX_TIME = 40

/** Throws ServiceError INVALID_MESSAGE. */
export const readPacs008 = (bytes: Uint8Array): CreditTransferMessage => {
  const root = read(bytes)
  if (root.name !== 'Document') throw invalidMessage(root.name, 'is not the Document of a pacs.008')
  const type = typeOf(root)
  const message = child(new At(root, 'Document'), 'FIToFICstmrCdtTrf')
  const header = child(message, 'GrpHdr')
  const orders = message.all('CdtTrfTxInf')
  if (orders.length === 0) throw invalidMessage(`${message.path}/CdtTrfTxInf`, 'is missing')
  return {
    type,
    messageId: child(header, 'MsgId').value(MAX_ID),
    createdAt: child(header, 'CreDtTm').value(MAX_TIME),
    declaredCount: child(header, 'NbOfTxs').value(15),
    ...defined({
      declaredSum: header.one('CtrlSum')?.value(MAX_ID),
      instructingAgent: agent(header, 'InstgAgt'),
      instructedAgent: agent(header, 'InstdAgt'),
    }),
    transactions: orders.map(readTransfer),
  }
}

const readTransfer = (order: At): CreditTransfer => {
  const ids = child(order, 'PmtId')
  const amount = order.one('IntrBkSttlmAmt') ?? order.one('InstdAmt')
  if (amount === undefined) throw invalidMessage(`${order.path}/IntrBkSttlmAmt`, 'is missing')
  const uetr = ids.one('UETR')
  if (uetr !== undefined && !UETR.test(uetr.value(36))) {
    throw invalidMessage(uetr.path, 'is no UETR, which is a UUID of version 4 in small letters')
  }
  return {
    endToEndId: child(ids, 'EndToEndId').value(MAX_ID),
    amount: amount.value(MAX_ID),
    currency: amount.attribute('Ccy'),
    ...defined({
      instructionId: ids.one('InstrId')?.value(MAX_ID),
      transactionId: ids.one('TxId')?.value(MAX_ID),
      uetr: uetr?.value(36),
      debtorAccount: account(order, 'DbtrAcct'),
      creditorAccount: account(order, 'CdtrAcct'),
    }),
  }
}

const account = (order: At, name: string): string | undefined => {
  const id = order.one(name)?.one('Id')
  return (id?.one('IBAN') ?? id?.one('Othr')?.one('Id'))?.value(MAX_ID)
}

const agent = (header: At, name: string): string | undefined =>
  header.one(name)?.one('FinInstnId')?.one('BICFI')?.value(11)

const read = (bytes: Uint8Array): XmlElement => {
  try {
    return readXml(bytes)
  } catch (error) {
    if (error instanceof XmlError)
      throw invalidMessage('the message', `is refused: ${error.message}`)
    throw error
  }
}

const typeOf = (root: XmlElement): string => {
  const [, type = '', version = ''] = NAMESPACE.exec(root.namespace) ?? []
  if (type === '') {
    const found = root.namespace === '' ? 'no namespace' : `the namespace ${root.namespace}`
    throw invalidMessage('Document', `has ${found}, which is not that of a pacs.008.001`)
  }
  if (Number(version) < FIRST_VERSION) {
    throw invalidMessage('Document', `is a ${type}; versions from 08 on are read`)
  }
  return type
}

/** An element and the way to it, for errors that name the place. */
class At {
  readonly path: string
  readonly #element: XmlElement

  constructor(element: XmlElement, path: string) {
    this.#element = element
    this.path = path
  }

  all(name: string): At[] {
    const { children, namespace } = this.#element
    const found = children.filter((el) => el.name === name && el.namespace === namespace)
    return found.map((element, i) => {
      const index = found.length > 1 ? `[${i + 1}]` : ''
      return new At(element, `${this.path}/${name}${index}`)
    })
  }

  one(name: string): At | undefined {
    const [first, second] = this.all(name)
    if (second !== undefined)
      throw invalidMessage(`${this.path}/${name}`, 'is there more than once')
    return first
  }

  value(max: number): string {
    const { text, children } = this.#element
    if (children.length > 0) throw invalidMessage(this.path, 'must hold text, not elements')
    if (text === '' || text.length > max) {
      throw invalidMessage(this.path, `must have 1 to ${max} characters, not ${text.length}`)
    }
    return text
  }

  attribute(name: string): string {
    const value = this.#element.attributes.get(name)
    if (value === undefined || !/^[A-Z]{3}$/.test(value)) {
      throw invalidMessage(`${this.path}/@${name}`, 'must be three capitals, such as EUR')
    }
    return value
  }
}

const child = (at: At, name: string): At => {
  const found = at.one(name)
  if (found === undefined) throw invalidMessage(`${at.path}/${name}`, 'is missing')
  return found
}

const invalidMessage = (element: string, why: string): ServiceError =>
  new ServiceError('INVALID_MESSAGE', `${element} ${why}`, { element, why })

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Only what is there: an optional member that is absent is left out. */
const defined = <T extends Record<string, string | undefined>>(members: T): Defined<T> =>
  Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as Defined<T>
