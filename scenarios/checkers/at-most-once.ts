/** A call that was not said to be idempotent begins at most once, whatever happens (promise 2). */
export const ranTwice = ({ isIdempotent }: { isIdempotent: boolean }, begun: number): boolean =>
  !isIdempotent && begun > 1
