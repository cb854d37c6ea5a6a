/** One administrative action: who did what to what, from where, and how it went. Refused ones too. */
export type AuditEntry = {
  readonly at: Date
  /** `recording.start`, `apiKey.delete`, … */
  readonly action: string
  /** A key's id, a token's subject, a person; `anonymous` where nobody was known. */
  readonly actor: string
  readonly actorKind: string
  readonly address: string
  readonly requestId: string
  /** The ids in the path, and no more of the request: a body may hold secrets. */
  readonly target: Readonly<Record<string, string>>
  /** HTTP status of the answer. */
  readonly status: number
}

export interface Audit { record (entry: AuditEntry): void }
