/** What the options of clients, brokers and registries have in common. */
import { z } from 'zod'
import { type BusError, invalid } from '../errors.ts'
import { didYouMean } from '../suggest.ts'

export const PEM = z.union([z.string(), z.instanceof(Buffer)])

/** TLS of whoever opens a connection. */
export const LINK_TLS = z.strictObject({
  ca: PEM.optional(),
  cert: PEM.optional(),
  key: PEM.optional(),
  serverName: z.string().optional(),
})

/** Parses with a strict schema; the error names the option, and the nearest known one. */
export const checkOptions = <T extends z.ZodObject>(
  of: string,
  schema: T,
  options: unknown,
): z.infer<T> => {
  const parsed = schema.safeParse(options)
  if (parsed.success) return parsed.data
  throw optionError(of, schema, deepest(parsed.error.issues[0]!))
}

/** Of an option that may be several things: what is wrong with the one that it is most like. */
const deepest = (issue: z.core.$ZodIssue): z.core.$ZodIssue => {
  if (issue.code !== 'invalid_union') return issue
  const [best] = issue.errors
    .flatMap((issues) => issues.slice(0, 1).map(deepest))
    .sort((a, b) => b.path.length - a.path.length)
  if (best === undefined || best.path.length === 0) return issue
  return { ...best, path: [...issue.path, ...best.path] }
}

const optionError = (of: string, schema: z.ZodObject, issue: z.core.$ZodIssue): BusError => {
  const path = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0]!
    const known = Object.keys(shapeAt(schema, issue.path[0]))
    const where = path === '' ? '' : ` in ${path}`
    const hint = didYouMean(key, known)
    return invalid(`${of} option`, `${JSON.stringify(key)}${where} is unknown${hint}`)
  }
  const what = path === '' ? `${of} options` : `${of} option ${path}`
  return invalid(what, `is not valid: ${issue.message}`)
}

/** The options there are: of the whole, or of an object within. */
const shapeAt = (schema: z.ZodObject, within: PropertyKey | undefined): z.core.$ZodShape => {
  let inner: unknown = within === undefined ? schema : schema.shape[String(within)]
  while (!(inner instanceof z.ZodObject)) {
    if (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) inner = inner.unwrap()
    else if (inner instanceof z.ZodPipe) inner = inner.out
    else break
  }
  return inner instanceof z.ZodObject ? inner.shape : schema.shape
}
