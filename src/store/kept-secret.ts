import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import { uuidV7 } from '../lib/ids.ts'

/**
 * Reads a secret from a file that only its owner may read, making it on first use.
 * @param make gives the text to keep
 */
export async function keptSecret (file: string, make: () => string): Promise<{ secret: string, isNew: boolean }> {
  try {
    return { secret: (await readFile(file, 'utf8')).trim(), isNew: false }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
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

/** Names the folder, and whatever bridge has it: one process at a time can, under whatever BRIDGE_ID. */
export async function instanceOf (dataDir: string): Promise<string> {
  return (await keptSecret(path.join(dataDir, 'instance'), () => uuidV7())).secret
}
