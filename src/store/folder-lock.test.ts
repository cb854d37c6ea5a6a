import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { temporaryFolder } from '../../test/support/stores.ts'
import { lockFolder } from './folder-lock.ts'

const module = path.join(import.meta.dirname, 'folder-lock.ts')
/** Takes the lock, says so, and keeps it. */
const holding = (folder: string): string =>
  `const { lockFolder } = await import(${JSON.stringify(module)}); globalThis.lock = lockFolder(${JSON.stringify(folder)}); console.log('held'); setInterval(() => {}, 1000)`

/** @param command comes before Node's: another namespace, perhaps */
async function holder (folder: string, command: readonly string[] = []): Promise<ChildProcess> {
  const [program = '', ...args] = [...command, process.execPath, '--input-type=module', '-e', holding(folder)]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout!, 'data')
  return child
}

async function kill (child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

test('a folder has one holder at a time', () => {
  using folder = temporaryFolder()
  const lock = lockFolder(folder.path)
  assert.throws(() => lockFolder(folder.path), { code: 'conflict', message: new RegExp(`${folder.path} is in use by process ${process.pid} on `) })
  lock[Symbol.dispose]()
  lockFolder(folder.path)[Symbol.dispose]()
})

test('a lock ends with its process, killed or not', async () => {
  using folder = temporaryFolder()
  const child = await holder(folder.path)
  assert.throws(() => lockFolder(folder.path), { code: 'conflict', message: new RegExp(`process ${child.pid} `) })
  await kill(child)
  lockFolder(folder.path)[Symbol.dispose]()
})

const namespaces = ['unshare', '--pid', '--fork', '--kill-child']
const noNamespaces = spawnSync(namespaces[0]!, [...namespaces.slice(1), 'true']).status === 0 ? false : 'this user cannot make a pid namespace'

test('two containers on one volume: the second is refused, and takes over when the first is gone', { skip: noNamespaces }, async () => {
  using folder = temporaryFolder()
  const first = await holder(folder.path, namespaces)
  assert.throws(() => lockFolder(folder.path), { code: 'conflict' })
  await kill(first)
  const deadline = Date.now() + 10_000 // The namespace's processes end a moment after the one that made it.
  for (;;) {
    try {
      lockFolder(folder.path)[Symbol.dispose]()
      break
    } catch (error) {
      if (Date.now() > deadline) throw error
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
})

test('a folder that cannot be locked says so', () => {
  using folder = temporaryFolder()
  writeFileSync(path.join(folder.path, 'lock.db'), 'no database at all, but long enough to be looked at as if it were one, for SQLite reads a hundred bytes first')
  assert.throws(() => lockFolder(folder.path), { code: 'internal', message: /cannot be locked/ })
})
