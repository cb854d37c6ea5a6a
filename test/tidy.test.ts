// The rules of the house, as a test: imports point down, files stay small, and nothing is forgotten.
import assert from 'node:assert/strict'
import { glob, readFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'

/** A folder may import itself and any folder on a lower floor, never one on its own floor. `config` is read by the root only. */
const floors = [
  ['root'],
  ['doctor'],
  ['dev'],
  ['legs', 'engines', 'control', 'services', 'store', 'config'],
  ['room', 'protocols'],
  ['media'],
  ['lib']
]
const MAX_LINES = 400
const generated = /\/generated\/|_pb\.ts$/

/** src/app.ts is 'root'; src/room/track.ts is 'room'; src/legs/sip/leg.ts is 'legs/sip', since a leg is a house of its own. */
function folder (file: string): string {
  const [first = '', second = ''] = path.relative('src', file).split(path.sep)
  return first.endsWith('.ts') ? 'root' : first === 'legs' || first === 'engines' ? `${first}/${second}` : first
}
const floor = (name: string): number => floors.findIndex(names => names.includes(name.split('/')[0] ?? ''))

async function sources (pattern = 'src/**/*.ts'): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for await (const file of glob(pattern)) files.set(file, await readFile(file, 'utf8'))
  return files
}

test('imports point down', async () => {
  for (const [file, text] of await sources()) {
    assert.notEqual(floor(folder(file)), -1, `${file}: its folder is on no floor`)
    for (const [, target = ''] of text.matchAll(/(?:from|import)[\s(]+'(\.[^']+)'/g)) {
      const from = folder(file)
      const to = folder(path.join(path.dirname(file), target))
      const ownTest = file.endsWith('.test.ts') && to.startsWith('..')
      assert.ok(ownTest || from === to || floor(to) > floor(from), `${file} may not import ${target}`)
    }
  }
})

test('no two source files import each other in a circle', async () => {
  const files = await sources()
  const imports = new Map([...files].map(([file, text]) => [file, [...text.matchAll(/^(?:import|export) (?!type\b)[^'\n]*'(\.[^']+)'/gm)]
    .map(([, target = '']) => path.join(path.dirname(file), target)).filter(target => files.has(target))]))
  const done = new Set<string>()
  const visit = (file: string, trail: string[]): void => {
    assert.ok(!trail.includes(file), `a circle of imports: ${[...trail, file].join(' -> ')}`)
    if (done.has(file)) return
    for (const target of imports.get(file) ?? []) visit(target, [...trail, file])
    done.add(file)
  }
  for (const file of files.keys()) visit(file, [])
})

/** Memory is written there without anybody's protection: see CONTRIBUTING.md. */
const native = /^src\/(lib\/native|lib\/udp|protocols\/webrtc\/dtls)\//

test('native code is called in three folders', async () => {
  for (const [file, text] of await sources()) assert.ok(native.test(file) || !/from 'koffi'|\('koffi'\)/.test(text), `${file} may not call native code`)
})

test(`no file is longer than ${MAX_LINES} lines`, async () => {
  for (const [file, text] of await sources('{src,test,bench,scripts,console}/**/*.{ts,tsx,mjs}')) {
    if (file.includes('node_modules') || file.includes('/dist/') || generated.test(file)) continue
    const lines = text.split('\n').length
    assert.ok(lines <= MAX_LINES, `${file} has ${lines} lines: look for the seam`)
  }
})

test('what is unfinished is an issue, not a remark', async () => {
  for (const [file, text] of await sources('{src,console/src,bench}/**/*.{ts,tsx}')) {
    assert.doesNotMatch(text, /\b(TODO|FIXME|XXX|HACK)\b/, file)
  }
})
