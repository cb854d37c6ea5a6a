import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { systemClock as clock } from '../lib/clock.ts'
import { silentLogger as log } from '../lib/log.ts'
import { AuditFile } from './audit-file.ts'

test('entries are appended, one JSON line each, for the owner alone', async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-audit-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = path.join(folder, 'made', 'audit.log')
  for (const action of ['recording.start', 'apiKey.delete']) {
    await using audit = new AuditFile(file, { log, clock })
    audit.record({ action, actor: 'admin', text: 'two\nlines' })
  }
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n').map(line => JSON.parse(line))
  assert.deepEqual(lines.map(line => line.action), ['recording.start', 'apiKey.delete'])
  assert.equal((await stat(file)).mode & 0o777, 0o600)
})

test('a place that cannot be written costs a log line, nothing else', async () => {
  const said: string[] = []
  const telling = { ...log, error: (_fields: object, message: string) => { said.push(message) } }
  await using audit = new AuditFile('/dev/full', { log: telling, clock })
  for (let i = 0; i < 100; i++) audit.record({ i })
  await new Promise(resolve => setTimeout(resolve, 100))
  audit.record({ after: true })
  assert.equal(said.length, 1)
})
