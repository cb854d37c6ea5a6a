import pg from 'pg'
import type { Insertable } from 'kysely'
import type { Statement } from './pool.ts'
import type { Tables } from './tables.ts'

/** A row to be written. JSON columns take what is to be in them, not its text. */
export type NewRow<T extends keyof Tables> = { readonly [K in keyof Insertable<Tables[T]>]: Insertable<Tables[T]>[K] | object }

type Column<T extends keyof Tables> = keyof Insertable<Tables[T]> & string

type Conflict<T extends keyof Tables> = {
  /** Tells whether a row is there already. */
  readonly key: Column<T>
  /** What it gets from the new one then. Without any it stays as it is. */
  readonly update?: readonly Column<T>[]
  /** Gets the time of the change. */
  readonly stamp?: Column<T>
}

/**
 * Writes rows in their order, with one parameter: a thousand rows cost this process a printed text, and the text of the statement is
 * the same for any number. The columns are those that the first row has; all have the same.
 */
export function upsert<T extends keyof Tables> (schema: string, table: T, rows: readonly NewRow<T>[], { key, update = [], stamp }: Conflict<T>): Statement {
  const name = `${pg.escapeIdentifier(schema)}.${table}`
  const columns = Object.keys(rows[0] ?? {}).join(', ')
  const changes = [...update.map(column => `${column} = excluded.${column}`), ...(stamp ? [`${stamp} = current_timestamp`] : [])]
  const text = `insert into ${name} (${columns}) ` +
    `select ${columns} from jsonb_populate_recordset(null::${name}, $1) with ordinality order by ordinality ` +
    `on conflict (${key}) do ${changes.length > 0 ? `update set ${changes.join(', ')}` : 'nothing'}`
  return { text, values: [JSON.stringify(rows)] }
}
