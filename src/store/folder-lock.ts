import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AppError } from '../lib/errors.ts'

/** SQLite's result codes (sqlite.org/rescode.html). */
const SQLITE_BUSY = 5

/**
 * Takes the folder for this process: whatever is kept in it (database, journal, recordings) knows only one writer.
 *
 * The lock is the kernel's (fcntl(2)): it ends with its process however that ended, and holds between containers that share a
 * volume, who know nothing of each other's processes. Node reaches such locks only through its SQLite, whose file stays empty.
 * @throws AppError `conflict` while another process holds it.
 */
export function lockFolder (folder: string, name = 'lock'): Disposable {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const holder = path.join(folder, `${name}.holder`)
  const lock = new DatabaseSync(path.join(folder, `${name}.db`), { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
    writeFileSync(holder, `process ${process.pid} on ${hostname()}`)
  } catch (error) {
    lock.close()
    throw refusal(error, folder, holder)
  }
  return { [Symbol.dispose]: () => lock.close() }
}

function refusal (error: unknown, folder: string, holder: string): AppError {
  const { errcode, message } = error as Error & { errcode?: number }
  if (errcode !== SQLITE_BUSY) return new AppError('internal', `${folder} cannot be locked: is it writable, and on a volume that has locks? (${message})`, { cause: error })
  return new AppError('conflict', `the folder ${folder} is in use by ${named(holder)}: stop it, or give this one another DATA_DIR`)
}

function named (holder: string): string {
  try {
    return readFileSync(holder, 'utf8')
  } catch {
    return 'another process' // Which has only just taken it.
  }
}
