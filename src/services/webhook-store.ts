/** What the sender of webhooks needs kept for it. Times are wall-clock milliseconds since 1970, by the clock the store was given. */

/** One event on its way to one endpoint. */
export type Delivery = {
  readonly id: string
  readonly endpointId: string
  readonly url: string
  /** `whsec_…`, the newest first; two while they are being rotated. */
  readonly secrets: readonly string[]
  readonly event: { readonly id: string, readonly type: string, readonly at: Date, readonly data: unknown }
  /** Attempts made so far. */
  readonly attempts: number
}

/** How an attempt went: the answer's HTTP status if there was an answer, and one sentence if it failed. */
export type Attempt = { readonly status: number | undefined, readonly error: string | undefined }

export interface WebhookStore {
  /** Makes deliveries of events that have none yet, for every enabled endpoint that wants them. @returns whether there is more to do. */
  fanOut (): Promise<boolean>
  /**
   * Takes deliveries that are due and have no unsettled one before them (same endpoint, same order key). They come up again
   * at `until` if nothing is heard of them, so that what a bridge held when it died is sent by another: at least once.
   */
  take (limit: number, until: number): Promise<readonly Delivery[]>
  /** The receiver has it: the next in order may go. */
  delivered (id: string, attempt: Attempt): Promise<void>
  /** Not yet: the delivery stays the first of its order and is due again at `at`. */
  postpone (id: string, at: number, attempt: Attempt): Promise<void>
  /** Given up: the next in order may go. */
  failed (id: string, attempt: Attempt): Promise<void>
  /** The receiver asked for no more. Its pending deliveries are given up. */
  disable (endpointId: string, reason: string): Promise<void>
}
