/** Runs in Node's loader thread: puts the planted bug into the files it is about as they are loaded. */
import type { LoadHook } from 'node:module'
import { type Plant, planted } from './plant.ts'

let plant: Plant | undefined

export const initialize = (chosen: Plant): void => {
  plant = chosen
}

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context)
  const edits = plant?.edits.filter(({ file }) => url.endsWith(`/${file}`)) ?? []
  if (edits.length === 0) return loaded
  let source = String(loaded.source)
  for (const edit of edits) source = planted(source, edit)
  return { ...loaded, source }
}
