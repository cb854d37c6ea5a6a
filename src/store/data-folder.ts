import { randomBytes } from 'node:crypto'
import { constants, copyFileSync, linkSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import { AppError } from '../lib/errors.ts'

/** Who holds a lock. `birth` tells a live process from another one that was given the same pid later. */
type Holder = { readonly pid: number, readonly birth: string }

/**
 * Takes the folder for this process: whatever is kept in it (database, journal, recordings) knows only one writer. A lock left
 * behind by a process that was killed is recognised and taken over.
 * @throws AppError `conflict` while another live process holds it.
 */
export function lockFolder (folder: string, name = 'lock'): Disposable {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = path.join(folder, name)
  const mine = `${file}.${process.pid}`
  writeFileSync(mine, JSON.stringify({ pid: process.pid, birth: birthOf(process.pid) } satisfies Holder))
  try {
    claim(mine, file, folder)
  } finally {
    unlinkSync(mine)
  }
  return { [Symbol.dispose]: () => removeFile(file) }
}

function claim (mine: string, file: string, folder: string): void {
  for (let attempt = 0; attempt < 3; attempt++) {
    if (place(mine, file)) return
    const holder = readHolder(file)
    if (holder && isAlive(holder)) {
      throw new AppError('conflict', `the folder ${folder} is in use by process ${holder.pid}: stop it, or give this one another DATA_DIR`)
    }
    setAside(file, holder)
  }
  throw new AppError('conflict', `the folder ${folder} is being taken by another process`)
}

/**
 * link(2) makes the name and its content appear at once, or not at all: nobody ever reads half a lock. Where there are no links
 * (some network and container volumes) a copy has to do.
 * @returns false when there is one already
 */
function place (mine: string, file: string): boolean {
  for (const put of [linkSync, (from: string, to: string) => copyFileSync(from, to, constants.COPYFILE_EXCL)]) {
    try {
      put(mine, file)
      return true
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false
    }
  }
  throw new AppError('internal', `no lock can be made in ${path.dirname(file)}: is it writable?`)
}

/** Moves a dead holder's lock away; if somebody has taken the lock since we looked, it is put back. */
function setAside (file: string, seen: Holder | undefined): void {
  const aside = `${file}.stale.${process.pid}`
  try {
    renameSync(file, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  const moved = readHolder(aside)
  if (moved && (moved.pid !== seen?.pid || moved.birth !== seen.birth)) place(aside, file)
  removeFile(aside)
}

function readHolder (file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder
  } catch {
    return undefined // Gone already, or not ours.
  }
}

function isAlive ({ pid, birth }: Holder): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false
  }
  const now = birthOf(pid)
  return now === birth || now === UNKNOWN
}

const UNKNOWN = 'unknown'
const GONE = 'gone'

/** Boot id and start time (proc(5), field 22) on Linux; elsewhere the pid has to do. One that is dead but not buried is gone. */
function birthOf (pid: number): string {
  if (process.platform !== 'linux') return ''
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? GONE : `${boot}/${fields[22 - 3]}`
  } catch (error) {
    return codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH' ? GONE : UNKNOWN
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

function removeFile (file: string): void {
  try {
    unlinkSync(file)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

/**
 * Reads a secret from a file that only its owner may read, making it on first use.
 * @param make gives the text to keep
 */
export async function keptSecret (file: string, make: () => string): Promise<{ secret: string, isNew: boolean }> {
  try {
    return { secret: (await readFile(file, 'utf8')).trim(), isNew: false }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  const secret = make()
  const fresh = `${file}.${process.pid}`
  {
    await using handle = await open(fresh, 'w', 0o600)
    await handle.writeFile(`${secret}\n`)
    await handle.sync() // What was sealed with a lost key is lost with it.
  }
  await rename(fresh, file)
  return { secret, isNew: true }
}

/** The folder's own 256-bit key: seals stream keys and webhook secrets, and keys their hashes. */
export async function folderKey (dataDir: string): Promise<Buffer> {
  const { secret } = await keptSecret(path.join(dataDir, 'secret'), () => randomBytes(32).toString('base64url'))
  return Buffer.from(secret, 'base64url')
}
