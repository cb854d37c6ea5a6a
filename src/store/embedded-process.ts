// The embedded database's own process: PGlite behind a socket. Started by embedded.ts, ends with its parent.
import { PGlite } from '@electric-sql/pglite'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError, messageOf } from '../lib/errors.ts'
import { lockFolder } from './folder-lock.ts'
import { Gateway } from './embedded-gateway.ts'

/** The parent asks to close; the child says where it listens, or why it cannot. */
export type EmbeddedMessage = { readonly listening: { readonly port: number | undefined } } | { readonly failed: string }

/** A predecessor whose parent was killed needs a moment to notice. */
const PREDECESSOR_MS = 10_000

async function takeOver (folder: string): Promise<Disposable> {
  const deadline = Date.now() + PREDECESSOR_MS
  for (;;) {
    try {
      return lockFolder(folder, 'process.lock')
    } catch (error) {
      if (!(error instanceof AppError) || Date.now() > deadline) throw error
      await sleep(50)
    }
  }
}

async function serve (folder: string, where: string): Promise<void> {
  const lock = await takeOver(folder)
  const db = await PGlite.create({ dataDir: path.join(folder, 'data') })
  const gateway = new Gateway(db, () => process.exit(1)) // The parent starts another.
  await gateway.listen(path.isAbsolute(where) ? { path: where } : { host: '127.0.0.1', port: Number(where) })
  const address = gateway.address
  const port = typeof address === 'object' ? address?.port : undefined
  process.once('message', async () => {
    await gateway.close()
    await db.close()
    lock[Symbol.dispose]()
    process.exit(0)
  })
  tell({ listening: { port } })
}

const tell = (message: EmbeddedMessage): void => { process.send?.(message) }

// A terminal's Ctrl-C reaches the whole group, but the parent still has rows to write while it drains.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
// Without a parent nobody will close us; the write-ahead log makes an abrupt end safe.
process.on('disconnect', () => process.exit(1))

const [folder = '', where = ''] = process.argv.slice(2)
serve(folder, where).catch(error => {
  tell({ failed: messageOf(error) })
  process.exitCode = 1
  process.disconnect?.()
})
