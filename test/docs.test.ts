// What the documents say is compared with what the code says.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { glob, readFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { errorTable } from '../src/lib/errors.ts'

test('docs/errors.md has every error with its statuses, and no other', async () => {
  const rows = [...(await readFile('docs/errors.md', 'utf8')).matchAll(/^\| `(\w+)` \| (\d+) \| (\d+) \|/gm)]
  const documented = Object.fromEntries(rows.map(([, code = '', http, sip]) => [code, { http: Number(http), sip: Number(sip) }]))
  const actual = Object.fromEntries(Object.entries(errorTable).map(([code, { http, sip }]) => [code, { http, sip }]))
  assert.deepEqual(documented, actual)
})

test('every relative link in the documents leads somewhere', async () => {
  for await (const file of glob('{*.md,docs/**/*.md}')) {
    for (const [, target = ''] of (await readFile(file, 'utf8')).matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)[^)]*\)/g)) {
      assert.ok(existsSync(path.join(path.dirname(file), target)), `${file} links to ${target}`)
    }
  }
})
