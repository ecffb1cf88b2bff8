import type { Scene } from '../scene.ts'

/** How much longer a time may be in the world that one clock has counted, where clocks drift. */
export const slackMs = ({ plan }: Scene, ms: number): number =>
  Math.ceil((ms * plan.nature.drift * 12) / 10)

/** The same of a time that one clock promises and another one keeps. */
export const slackOfTwoMs = (scene: Scene, ms: number): number => 2 * slackMs(scene, ms)
