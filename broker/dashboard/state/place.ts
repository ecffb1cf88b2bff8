/** Where in the page one is, as its hash says: `#/trace/ID`. */

export const VIEWS = ['circuits', 'idcs', 'queues', 'timeline', 'trace', 'try'] as const
export type View = (typeof VIEWS)[number]

export interface PagePlace {
  view: View
  /** A tile, a topic, a correlation id. */
  item: string
}

export const placeOf = (hash: string): PagePlace => {
  const [, word = '', item = ''] = /^#\/?([^/]*)\/?(.*)$/s.exec(hash) ?? []
  const view = VIEWS.find((name) => name === word) ?? 'circuits'
  try {
    return { view, item: decodeURIComponent(item) }
  } catch {
    return { view, item: '' }
  }
}

export const hashOf = (view: View, item = ''): string =>
  item === '' ? `#/${view}` : `#/${view}/${encodeURIComponent(item)}`
