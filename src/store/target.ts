import { type Kysely, sql } from 'kysely'
import { AppError } from '../lib/errors.ts'
import type { Vault } from './sealed.ts'
import type { Tables } from './tables.ts'

/** Where a connection to elsewhere leads, and what it shows there. Both may be secrets: they are kept sealed. */
export type Target = { readonly url: string, readonly token?: string | undefined }

/** @param id of the row it stands in */
export const sealTarget = (vault: Vault, { url, token }: Target, id: string): string => vault.seal(JSON.stringify({ url, token }), id)

/** @returns undefined when it was sealed with another secret than the one there is now */
export function openTarget (vault: Vault, sealed: string, id: string): Target | undefined {
  try {
    return JSON.parse(vault.open(sealed, id)) as Target
  } catch {
    return undefined
  }
}

/** @throws AppError `conflict` where another bridge that lives keeps the connection: it would not hear of the change */
export async function requireOwn (db: Kysely<Tables>, keeper: string | null | undefined, self: string): Promise<void> {
  if (keeper === null || keeper === undefined || keeper === self) return
  const lease = await db.selectFrom('leases').select('name').where('owner', '=', keeper).where('expires_at', '>', sql<Date>`now()`).executeTakeFirst()
  if (lease) throw new AppError('conflict', `another bridge (${lease.name.replace(/^bridge:/, '')}) keeps this connection: ask that one`)
}
