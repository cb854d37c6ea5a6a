import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { parseFile } from './file.ts'
import { resolve } from './resolver.ts'
import { HoconError, plain } from './values.ts'

/** A folder with these files, gone when disposed. */
class Folder implements Disposable {
  readonly path = realpathSync(mkdtempSync(path.join(tmpdir(), 'hocon-')))

  constructor (files: Record<string, string>) {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(this.path, name)), { recursive: true })
      writeFileSync(path.join(this.path, name), text)
    }
  }

  read (name = 'main.conf'): unknown {
    const { root, errors } = resolve(parseFile(path.join(this.path, name)).root)
    if (errors[0]) throw errors[0]
    return JSON.parse(JSON.stringify(plain(root)))
  }

  [Symbol.dispose] (): void { rmSync(this.path, { recursive: true }) }
}

test('an include stands for the fields of its file, where it stands', () => {
  using folder = new Folder({ 'main.conf': 'a = 1\nb = 1\ninclude "more"\nb = 3\nc { include "sub/other.json" }', 'more.conf': 'a = 2\nb = 2', 'sub/other.json': '{"d": 4}' })
  assert.deepEqual(folder.read(), { a: 2, b: 3, c: { d: 4 } })
})

test('an included file finds its own fields first, then those of the whole', () => {
  using folder = new Folder({ 'main.conf': 'x = 1\ny = 1\nin { include file("more.conf") }', 'more.conf': 'x = 2\na = ${x}\nb = ${y}\nl = [1]\nl += 2' })
  assert.deepEqual(folder.read(), { x: 1, y: 1, in: { x: 2, a: 2, b: 1, l: [1, 2] } })
})

test('a missing include is nothing; a missing required one is a mistake', () => {
  using folder = new Folder({ 'main.conf': 'a = 1\ninclude "nothing"', 'strict.conf': 'include required("nothing")', 'call.conf': 'include required(file("nothing"))' })
  assert.deepEqual(folder.read(), { a: 1 })
  assert.throws(() => folder.read('strict.conf'), { message: /strict\.conf:1:18: the required file “nothing” does not exist/ })
  assert.throws(() => folder.read('call.conf'), { message: /call\.conf:1:23: the required file/ })
})

test('an include names its own file in its mistakes', () => {
  using folder = new Folder({ 'main.conf': '\ninclude "more"', 'more.conf': 'a = 1\nb = "x' })
  assert.throws(() => folder.read(), { message: /more\.conf:2:5: this quote is never closed/ })
})

test('an include stays inside the folder of the configuration', () => {
  using outside = new Folder({ 'secret.conf': 'secret = 1' })
  using folder = new Folder({
    'up.conf': `include "../${path.basename(outside.path)}/secret.conf"`,
    'link.conf': 'include "linked"',
    'absolute.conf': `include "${outside.path}/secret.conf"`,
    'dir.conf': 'include "sub"\na = 1',
    'sub/x.conf': ''
  })
  symlinkSync(path.join(outside.path, 'secret.conf'), path.join(folder.path, 'linked.conf'))
  for (const file of ['up.conf', 'link.conf', 'absolute.conf']) {
    assert.throws(() => folder.read(file), (error: unknown) => error instanceof HoconError && /outside the folder/.test(error.message), file)
  }
  assert.deepEqual(folder.read('dir.conf'), { a: 1 })
})

test('files that include each other end', () => {
  using folder = new Folder({ 'main.conf': 'include "b"', 'b.conf': 'include "main"' })
  assert.throws(() => folder.read(), { message: /b\.conf:1:9: .*main\.conf includes itself/ })
})

test('a chain of includes has a limit', () => {
  using folder = new Folder(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [i === 0 ? 'main.conf' : `f${i}.conf`, `include "f${i + 1}"`])))
  assert.throws(() => folder.read(), { message: /deeper than 16/ })
})
