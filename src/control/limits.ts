/** Every limit of the HTTP side, with its unit. */
export const limits = {
  /** A client must have sent its whole header by then. */
  headersTimeoutMs: 10_000,
  /** … and its whole request by then. */
  requestTimeoutMs: 15_000,
  /** How often Node looks for those that are late; its own 30 s would make the 10 s above forty. */
  connectionsCheckingIntervalMs: 1_000,
  keepAliveTimeoutMs: 5_000,
  /** From a request to its answer: with a frozen database a caller hears so, and does not wait. */
  handlerTimeoutMs: 4_500,
  /** … where somebody is shown the door and may say good-bye, or a recording is brought to its end. */
  goodbyeTimeoutMs: 20_000,
  maxHeaderBytes: 16 * 1024,
  maxRequestsPerSocket: 1_000,
  maxConnections: 1_000,
  maxJsonBytes: 256 * 1024,
  maxSdpBytes: 128 * 1024,
  /** Of one path parameter: an id or a room's name. */
  maxParameterLength: 200,
  /** How long closing waits for downloads and slow answers before it cuts them off. */
  closeDeadlineMs: 5_000,
  pageDefault: 100,
  pageMax: 500,
  eventStreams: 100,
  /** A stream ends after this; EventSource comes back with Last-Event-ID, and its rights are looked at again. */
  eventStreamMs: 60 * 60_000,
  eventHeartbeatMs: 15_000,
  /** A reader that takes nothing for this long is cut off; it may come back with Last-Event-ID. */
  eventStallMs: 10_000,
  eventPage: 100,
  idempotencyKeys: 1_000,
  idempotencyMs: 10 * 60_000
} as const
