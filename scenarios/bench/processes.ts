/** The processes of a benchmark, by the names of their parts. */
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Crew, Child as LiveChild } from '../live/processes.ts'
import type { Parts } from './parts.ts'

type PartName = keyof Parts

/** One forked process, asked by name and answered in any order. */
export type Child<P extends PartName> = LiveChild<ReturnType<Parts[P]>>

// The same file name whether this runs from sources or compiled.
const ROLE = fileURLToPath(new URL(`./role${extname(import.meta.url)}`, import.meta.url))

export const forkPart = <P extends PartName>(
  crew: Crew,
  part: P,
  execArgv: string[] = [],
): Child<P> => crew.launch(ROLE, part, execArgv)
