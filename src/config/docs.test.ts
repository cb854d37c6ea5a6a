import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { docsPage, sampleFile } from './docs.ts'
import { load } from './load.ts'
import { Generated } from './setting.ts'
import { rows } from './table.ts'

const hint = 'run: node scripts/make-config-docs.ts'

test('auralink.conf and docs/configuration.md are made from the table', () => {
  assert.equal(readFileSync('auralink.conf', 'utf8'), sampleFile(), hint)
  assert.equal(readFileSync('docs/configuration.md', 'utf8'), docsPage(), hint)
})

test('the sample file with every default uncommented means the defaults', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sample-'))
  try {
    const uncommented = sampleFile().replace(/^( +)# (\S+ = (?!"<)\S.*)$/gm, '$1$2').replace(/^ +(\S*_?url|host|bucket|log_file) = .*$/gm, '')
    writeFileSync(path.join(folder, 'all.conf'), uncommented)
    const env = { BRIDGE_ID: 'bridge-1' }
    const given = load({ argv: ['--config', 'all.conf'], env, cwd: folder })
    const defaults = load({ env, cwd: folder })
    for (const [index, { key, value }] of given.entries.entries()) assert.deepEqual(value, defaults.entries[index]?.value, key)
    assert.ok(given.entries.filter(entry => entry.origin.line !== undefined).length > 150)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('every setting says what it is for, and no two share a variable', () => {
  const seen = new Set<string>()
  for (const { key, setting: { doc, extras, fallback } } of rows) {
    assert.match(doc, /^\S.*\S$/, key)
    if (extras.env === undefined) continue
    assert.ok(!seen.has(extras.env), `${extras.env} is used twice`)
    assert.match(extras.env, /^[A-Z][A-Z0-9_]*$/)
    assert.ok(!(fallback instanceof Generated) || key.endsWith('bridge_id'), key)
    seen.add(extras.env)
  }
})
