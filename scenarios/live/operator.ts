/** Whoever acts for a drill in a cluster that is not its own: by the cluster's admin API, as people do. */

/** Isolations are of the drill's own topic; a drain is of the whole broker, which hands back what waits. */
export type Steer =
  | {
      readonly do: 'isolate'
      readonly name: string
      readonly topic: string
      readonly forMs: number
    }
  | { readonly do: 'restore'; readonly name: string; readonly topic: string }
  | { readonly do: 'drain' | 'resume'; readonly name: string }

/** A request as another process can make it, should this one not live to do so. */
export interface SavedRequest {
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** PEM of the authority, if it is one of their own. */
  readonly ca?: string | undefined
}

export interface Operator {
  /** Rejects with what the API says, if it says no. */
  steer(steer: Steer): Promise<void>
  saved(steer: Steer): SavedRequest
}
