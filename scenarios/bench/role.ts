/** One process of a benchmark: `role.js PART`. It does what its parent asks and ends with it. */
import { parts } from './parts.ts'
import type { Answer, Order } from './processes.ts'

type Verbs = Record<string, (arg: unknown) => unknown>

const name = process.argv[2] ?? ''
if (process.send === undefined || !Object.hasOwn(parts, name)) {
  process.stderr.write('This file is one process of the benchmark; run main.js instead.\n')
  process.exit(2)
}

const verbs = parts[name as keyof typeof parts]() as unknown as Verbs

process.on('disconnect', () => process.exit(0))
process.on('message', (order: Order) => {
  void obey(order).then((answer) => process.send?.(answer))
})

async function obey({ id, verb, arg }: Order): Promise<Answer> {
  try {
    return { id, value: await verbs[verb]!(arg) }
  } catch (error) {
    const { name: kind, message } = error instanceof Error ? error : new Error(String(error))
    return { id, error: `${kind}: ${message}` }
  }
}
