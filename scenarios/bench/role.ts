/** One process of a benchmark: `role.js PART`. It does what its parent asks and ends with it. */
import { serve } from '../live/serve.ts'
import { parts } from './parts.ts'

await serve((name) => (Object.hasOwn(parts, name) ? parts[name as keyof typeof parts] : undefined))
