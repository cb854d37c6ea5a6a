/** One event for one receiver, claimed for a minute: what a bridge held when it died is claimed by another. */
export type DueDelivery = {
  readonly id: string
  readonly endpointId: string
  readonly url: string
  /** `whsec_…`, the newest first; two while they are being rotated. */
  readonly secrets: readonly string[]
  /** 1 for the first try. */
  readonly attempt: number
  readonly event: { readonly id: string, readonly type: string, readonly at: Date, readonly data: unknown }
}

/** How a try ended. `gone`: the receiver wants nothing more, ever (410). `failed`: it will not be tried again. */
export type DeliveryOutcome =
  | { readonly result: 'delivered', readonly status: number }
  | { readonly result: 'retry', readonly at: Date, readonly status?: number, readonly error?: string }
  | { readonly result: 'failed' | 'gone', readonly status?: number, readonly error?: string }

/** What the sender of webhooks needs kept for it. Every call may reject while the database is away. */
export interface WebhookOutbox {
  /** Whether there is a receiver at all. Asked at each change of anything, where the rest would be asked in vain. */
  isWanted (): Promise<boolean>
  /** Makes deliveries of events that have none yet. @returns how many events were looked at: 0 when there are no more. */
  fanOut (): Promise<number>
  /**
   * Claims what is due: of each receiver and session only the oldest, so that one that fails holds back those behind it.
   * @param busy receivers that have enough under way already: theirs may wait.
   */
  claim (limit: number, busy: readonly string[]): Promise<readonly DueDelivery[]>
  settle (delivery: Pick<DueDelivery, 'id' | 'endpointId'>, outcome: DeliveryOutcome): Promise<void>
}
