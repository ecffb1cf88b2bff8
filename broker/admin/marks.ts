/** A drill that runs beside a cluster says where it is. */
import { z } from '@hono/zod-openapi'
import type { Routes } from './routes.ts'
import { ENTRY } from './schemas.ts'
import { plainText } from './text.ts'
import type { Timeline } from './timeline.ts'

const line = (most: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(most)
    .transform((text) => plainText(text, most))

export const addMarks = (routes: Routes, timeline: Timeline): void => {
  routes.say(
    {
      ...{ method: 'post', path: '/v1/marks', action: 'mark' },
      summary: 'Puts a line of a drill on the timeline. Phase end says that the drill is over.',
      body: z.strictObject({ drill: line(64), phase: line(64), text: line(500) }),
      answer: z.object({ entry: ENTRY.nullable() }),
    },
    async ({ body: { drill, phase, text } }) => ({
      entry: timeline.marked(drill, phase, text) ?? null,
    }),
  )
}
