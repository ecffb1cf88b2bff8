import { u32 } from '../../../bus/bytes.ts'
import { Request } from '../../../bus/frame.ts'
import type { SeenRequest } from './checker.ts'

/** What the handler will read: it says which call the request is of. */
export const bodyIn = ({ bytes, at, end }: SeenRequest): string =>
  bytes.toString('latin1', at + Request.head + u32(bytes, at + Request.headersLength), end)
