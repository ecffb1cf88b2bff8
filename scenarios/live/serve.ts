/** The other end of a `Child`: a forked process that does what its parent asks, and ends with it. */

export interface Order {
  id: number
  verb: string
  arg: unknown
}

export interface Answer {
  id: number
  value?: unknown
  error?: string
}

/** What a process tells without being asked. */
export interface News {
  news: unknown
}

/** Tells the parent something by itself. */
export type Tell = (news: unknown) => void

/** Makes the verbs of a part. */
export type PartMaker = (tell: Tell) => object

type Verbs = Record<string, (arg: unknown) => unknown>

/** Plays the part that the command line names, for as long as the parent lives. */
export async function serve(
  find: (part: string) => PartMaker | undefined | Promise<PartMaker | undefined>,
): Promise<void> {
  const orders: Order[] = []
  // What comes while the part is being loaded must not be lost.
  const keep = (order: Order): void => {
    orders.push(order)
  }
  process.on('message', keep)
  process.on('disconnect', () => process.exit(0))
  // Ctrl-C at a terminal reaches the whole group; the parent decides what it means.
  process.on('SIGINT', () => {})
  const make = process.send === undefined ? undefined : await find(process.argv[2] ?? '')
  if (make === undefined) {
    process.stderr.write('This file is one process of a benchmark or a drill, and no command.\n')
    process.exit(2)
  }
  const verbs = make(tell) as Verbs
  const obey = (order: Order): void => {
    void done(verbs, order).then((answer) => process.send?.(answer))
  }
  process.off('message', keep)
  process.on('message', obey)
  for (const order of orders) obey(order)
}

const tell: Tell = (news) => {
  process.send?.({ news } satisfies News)
}

async function done(verbs: Verbs, { id, verb, arg }: Order): Promise<Answer> {
  try {
    return { id, value: await verbs[verb]!(arg) }
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    return { id, error: `${name}: ${message}` }
  }
}
