import { createHash } from 'node:crypto'
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { systemClock } from '../../src/lib/clock.ts'
import { type Logger, silentLogger } from '../../src/lib/log.ts'
import { type Database, type DatabaseOptions, openDatabase } from '../../src/store/database.ts'
import { missing } from './peers.ts'
import { PostgresServer } from './postgres.ts'

/** A folder that is gone with its scope. */
export function temporaryFolder (): Disposable & { readonly path: string } {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'auralink-test-'))
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

export type Store = AsyncDisposable & { readonly database: Database, readonly dataDir: string }

/**
 * Fills a data folder with an embedded database whose schema is there already. Making one takes seconds of a whole core, so that
 * it is made once, kept beside the temporary folders, and copied; another version of PGlite or of the schema makes another.
 */
export async function prefill (dataDir: string): Promise<void> {
  const hash = createHash('sha256')
  for (const file of ['node_modules/@electric-sql/pglite/package.json', ...globSync('src/store/migrations/*.ts').sort()]) hash.update(readFileSync(file))
  const template = path.join(os.tmpdir(), `auralink-template-${process.getuid?.() ?? 0}-${hash.digest('hex').slice(0, 16)}`)
  if (!existsSync(template)) {
    using folder = temporaryFolder()
    await (await openDatabase({ poolSize: 2, autoMigrate: true, dataDir: folder.path }, surroundings()))[Symbol.asyncDispose]()
    try {
      renameSync(path.join(folder.path, 'postgres'), template)
    } catch { /* Another test was faster. */ }
  }
  cpSync(template, path.join(dataDir, 'postgres'), { recursive: true })
}

const surroundings = (log: Logger = silentLogger) => ({ log, clock: systemClock, signal: new AbortController().signal })

/** One of the two rows that every test of the store runs on. */
export type StoreRow = AsyncDisposable & {
  readonly name: 'embedded' | 'postgresql'
  readonly skip: string | false
  /** A database with nothing in it but the schema. */
  open (log?: Logger, more?: Partial<DatabaseOptions>): Promise<Store>
}

/** The embedded database and a real server, each started when first used. */
export function storeRows (): StoreRow[] {
  let server: Promise<PostgresServer> | undefined
  const open = async (url: string | undefined, log: Logger = silentLogger, more: Partial<DatabaseOptions> = {}): Promise<Store> => {
    const folder = temporaryFolder()
    if (url === undefined) await prefill(folder.path)
    const database = await openDatabase({ poolSize: 8, autoMigrate: true, dataDir: folder.path, url, ...more }, surroundings(log))
    await database.ready
    const close = async (): Promise<void> => {
      using _folder = folder
      await database[Symbol.asyncDispose]()
    }
    return { database, dataDir: folder.path, [Symbol.asyncDispose]: close }
  }
  return [
    { name: 'embedded', skip: false, open: (log, more) => open(undefined, log, more), async [Symbol.asyncDispose] () {} },
    {
      name: 'postgresql',
      skip: missing('pg_ctlcluster'),
      async open (log, more) {
        server ??= PostgresServer.start()
        return open(await (await server).database(), log, more)
      },
      async [Symbol.asyncDispose] () { await (await server)?.[Symbol.asyncDispose]() }
    }
  ]
}
