/**
 * Reads XML that a stranger sent: bounded in size, depth and tag length, without DTD, and with no
 * entities but the five of XML itself. Names come with their namespace, so prefixes mean nothing.
 *
 * fast-xml-parser forgives what it does not understand; here everything must be well-formed, so its
 * validator runs first, and what those two read differently is refused before both.
 */
import { XMLParser, XMLValidator } from 'fast-xml-parser'

export interface XmlElement {
  name: string
  namespace: string
  /** Without `xmlns`. By name as written. */
  attributes: Map<string, string>
  children: XmlElement[]
  /** Its own text, trimmed. */
  text: string
}

/** Why a text is no XML that is read here. */
export class XmlError extends Error {
  override readonly name = 'XmlError'
}

export const MAX_XML_BYTES = 524_288
const MAX_DEPTH = 32
/** Also of a comment or CDATA section: some checks of the validator are quadratic in this. */
const MAX_TAG = 1_024
/** A full file of real transfers has some 30,000; reading this many takes a third of a second. */
const MAX_TAGS = 50_000

const TEXT = '#text'
const CDATA = '#cdata'
const ATTRIBUTES = ':@'

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  processEntities: false,
  textNodeName: TEXT,
  cdataPropName: CDATA,
  ignoreDeclaration: true,
  ignorePiTags: true,
  maxNestedTags: MAX_DEPTH,
})

/** The root element. Throws XmlError. */
export const readXml = (bytes: Uint8Array): XmlElement => {
  const text = decode(bytes)
  refuseMarkup(text)
  const nodes = parse(text)
  // The validator overlooks a second root when it is empty.
  const [root, second] = nodes.filter((node) => nameOf(node) !== TEXT)
  if (root === undefined) throw new XmlError('there is no element')
  if (second !== undefined) throw new XmlError(`there is a second root, ${nameOf(second)}`)
  return elementOf(root, new Map([['xml', XML_NAMESPACE]]), 1)
}

const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace'

/** UTF-8 only: it is what ISO 20022 asks for, and guessing an encoding changes names and amounts. */
const decode = (bytes: Uint8Array): string => {
  if (bytes.length > MAX_XML_BYTES) {
    throw new XmlError(`it has ${bytes.length} bytes; at most ${MAX_XML_BYTES} are read`)
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new XmlError('it is not UTF-8 text')
  }
  const declared = /^<\?xml[^>]{0,100}?encoding\s*=\s*["']([^"']*)/.exec(text)?.[1]
  if (declared !== undefined && !/^(?:utf-8|us-ascii)$/i.test(declared)) {
    throw new XmlError(`it declares encoding ${declared}; send UTF-8`)
  }
  refuseCharacters(text)
  return text
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters XML 1.0 forbids
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u

const refuseCharacters = (text: string): void => {
  const found = FORBIDDEN.exec(text)?.[0]
  if (found === undefined) return
  const code = found.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')
  throw new XmlError(`it contains the character U+${code}, which XML forbids`)
}

const refuseMarkup = (text: string): void => {
  const markup = /<!(?!--|\[CDATA\[)\w*/.exec(text)?.[0]
  if (markup !== undefined) {
    throw new XmlError(`${markup} is not allowed: no document type and no entities are read`)
  }
  let tags = 0
  for (let at = text.indexOf('<'); at >= 0; ) {
    tags += 1
    if (tags > MAX_TAGS) throw new XmlError(`there are more than ${MAX_TAGS} tags`)
    const end = text.indexOf('>', at)
    if (end < 0) throw new XmlError('it ends inside a tag')
    if (end - at > MAX_TAG) {
      throw new XmlError(`a tag, comment or CDATA section is longer than ${MAX_TAG} characters`)
    }
    at = text.indexOf('<', end)
  }
}

type XmlNode = Record<string, unknown>

const parse = (text: string): XmlNode[] => {
  const verdict = XMLValidator.validate(text)
  if (verdict !== true) {
    const { msg, line, col } = verdict.err
    throw new XmlError(`line ${line}, column ${col}: ${msg}`)
  }
  try {
    return parser.parse(text) as XmlNode[]
  } catch (error) {
    throw new XmlError(error instanceof Error ? error.message : String(error))
  }
}

const nameOf = (node: XmlNode): string =>
  Object.keys(node).find((key) => key !== ATTRIBUTES) ?? TEXT

type Scope = ReadonlyMap<string, string>

const elementOf = (node: XmlNode, outer: Scope, depth: number): XmlElement => {
  if (depth > MAX_DEPTH) throw new XmlError(`elements nest deeper than ${MAX_DEPTH}`)
  const written = nameOf(node)
  const { attributes, scope } = readAttributes(node[ATTRIBUTES] as XmlNode | undefined, outer)
  const [prefix, name] = split(written)
  const namespace = scope.get(prefix) ?? ''
  if (prefix !== '' && namespace === '') throw new XmlError(`prefix ${prefix} is not declared`)

  const children: XmlElement[] = []
  let text = ''
  for (const child of node[written] as XmlNode[]) {
    const key = nameOf(child)
    if (key === TEXT) text += decodeText(String(child[TEXT]))
    // What stands in a CDATA section is text as it is: &amp; there is five characters.
    else if (key === CDATA) text += cdataOf(child)
    else children.push(elementOf(child, scope, depth + 1))
  }
  return { name, namespace, attributes, children, text: text.trim() }
}

const cdataOf = (node: XmlNode): string =>
  (node[CDATA] as XmlNode[]).map((part) => String(part[TEXT] ?? '')).join('')

const split = (written: string): [prefix: string, name: string] => {
  const [prefix = '', name, ...rest] = written.split(':')
  if (name === undefined) return ['', prefix]
  if (prefix === '' || name === '' || rest.length > 0) {
    throw new XmlError(`${written} is no name`)
  }
  return [prefix, name]
}

const readAttributes = (
  written: XmlNode | undefined,
  outer: Scope,
): { attributes: Map<string, string>; scope: Scope } => {
  const attributes = new Map<string, string>()
  if (written === undefined) return { attributes, scope: outer }
  const scope = new Map(outer)
  for (const [name, raw] of Object.entries(written)) {
    const value = decodeText(String(raw))
    if (name === 'xmlns') scope.set('', value)
    else if (name.startsWith('xmlns:')) scope.set(name.slice('xmlns:'.length), value)
    else attributes.set(name, value)
  }
  return { attributes, scope }
}

const NAMED = new Map([
  ['amp', '&'],
  ['apos', "'"],
  ['gt', '>'],
  ['lt', '<'],
  ['quot', '"'],
])

const decodeText = (raw: string): string => {
  if (!raw.includes('&')) return raw
  return raw.replace(/&([^;&]{0,10});?/g, (whole, name: string) => {
    const decoded = whole.endsWith(';') ? (NAMED.get(name) ?? characterOf(name)) : undefined
    if (decoded === undefined) throw new XmlError(`${whole} is no character or entity of XML`)
    refuseCharacters(decoded)
    return decoded
  })
}

/** `#65` and `#x41` are A. */
const characterOf = (name: string): string | undefined => {
  const match = /^#(?:([0-9]{1,7})|x([0-9a-fA-F]{1,6}))$/.exec(name)
  if (match === null) return undefined
  const code = match[1] === undefined ? Number.parseInt(match[2] ?? '', 16) : Number(match[1])
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined
}
