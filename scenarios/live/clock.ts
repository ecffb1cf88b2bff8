/** Milliseconds of a clock that all processes of one machine share, and that never jumps. */
export const clock = (): number => Number(process.hrtime.bigint()) / 1e6
