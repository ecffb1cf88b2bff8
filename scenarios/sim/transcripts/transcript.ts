/**
 * README: failover stories as text.
 *
 * A story in `stories/` is prose, commands and the trace they lead to. A line that starts with `> ` is a
 * command: first who there is, then `begin`, then what happens to them. Indented lines are the trace:
 * the millisecond since `begin`, who (or from whom to whom, as a frame arrives), and what. Anything else
 * is prose. The words are in `script.ts`, those of faults in `scenarios/drills/words.ts`.
 *
 * The production cores run in virtual time, so the trace is always the same. The test replays every
 * story and compares it line by line: what changes how the bus behaves shows as a difference in a
 * story, to be read before it is accepted. After each story the books are checked as well.
 *
 *     node --test dist/test/transcripts.test.js                       replay
 *     FINBUS_REWRITE=1 node --test dist/test/transcripts.test.js      write the traces anew
 *
 * To write a story, put prose and commands into a file, rewrite, and read what it says.
 */
import { WordsError } from '../../drills/words.ts'
import { readCommand } from './script.ts'
import { Story } from './story.ts'

/** A story that cannot be told; the message says which line, and what would be right. */
export class TranscriptError extends Error {
  override readonly name = 'TranscriptError'
}

/** The same story with the trace that its commands lead to now. */
export const replay = (text: string): string => {
  const told: string[] = []
  const story = new Story()
  for (const [index, line] of text.split('\n').entries()) {
    if (line.startsWith(' ')) continue
    told.push(line)
    if (!line.startsWith('> ')) continue
    try {
      told.push(...story.do(readCommand(line.slice(2))))
    } catch (error) {
      if (!(error instanceof WordsError)) throw error
      throw new TranscriptError(`line ${index + 1}: ${error.message}`)
    }
  }
  story.end()
  return told.join('\n')
}
