import type { PoolStatistics } from './pool.ts'

/** A value as Redis would hold it. */
export type CacheValue =
  | { readonly type: 'hash', readonly fields: Readonly<Record<string, string>> }
  | { readonly type: 'set', readonly members: readonly string[] }
  | { readonly type: 'string', readonly text: string }

/**
 * Shared state that may vanish at any time: nothing is true because it is in here, and nothing fails because it is not. Keys
 * carry no prefix here. Every call may reject, soon, while the cache is away.
 */
export interface Cache extends AsyncDisposable {
  readonly kind: 'redis' | 'memory'
  /** Where it is, without credentials. */
  readonly endpoint: string
  readonly pool: Pick<PoolStatistics, 'active' | 'idle' | 'waiting' | 'max'>
  /** Called when it did not answer: it may be away. */
  onTrouble: () => void
  /** Replaces what was there. */
  set (key: string, value: CacheValue, ttlSeconds: number): Promise<void>
  /** Keeps a value for longer. @returns false when it is gone */
  touch (key: string, ttlSeconds: number): Promise<boolean>
  delete (keys: readonly string[]): Promise<void>
  addMember (key: string, member: string, ttlSeconds: number): Promise<void>
  removeMembers (key: string, members: readonly string[]): Promise<void>
  members (key: string): Promise<string[]>
  hash (key: string): Promise<Record<string, string>>
  string (key: string): Promise<string | undefined>
  /** Throws AppError `dependency_unavailable`. */
  check (signal?: AbortSignal): Promise<void>
}
