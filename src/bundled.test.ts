import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { installedPackages, stampOf } from './bundled.ts'

type Write = (file: string, text: string) => void

/** A small installation, whose service says whether it was loaded from its sources or from its bundle. */
function withInstallation (work: (root: string, write: Write) => void): void {
  const root = mkdtempSync(path.join(tmpdir(), 'auralink-bundled-'))
  const write: Write = (file, text) => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    writeFileSync(path.join(root, file), text)
  }
  try {
    write('package.json', '{ "type": "module" }')
    lock(write, { 'node_modules/parcel': { version: '1.0.0' }, 'node_modules/tool': { version: '1.0.0', dev: true } })
    write('src/run.ts', 'export const run = (argv: string[], env: object, onStarted: () => void): void => { console.log("sources"); onStarted() }')
    for (const file of ['main.js', 'bundled.ts']) copyFileSync(path.join(import.meta.dirname, file), path.join(root, 'src', file))
    bundle(write, 'exports.run = (argv, env, onStarted) => { console.log("bundle"); onStarted() }')
    write('node_modules/.bundled/lines.json', '{ "1": "src/run.ts:71" }')
    const sources = { 'src/run.ts': stampOf(path.join(root, 'src/run.ts')) }
    write('node_modules/.bundled/index.json', JSON.stringify({ entry: 'service-1.js', installed: installedPackages(root), sources }))
    work(root, write)
  } finally {
    rmSync(root, { recursive: true })
  }
}

const bundle = (write: Write, code: string): void => write('node_modules/.bundled/service-1.js', `(function (exports, require, module, __filename, __dirname) { ${code}})`)
const lock = (write: Write, packages: object): void => write('node_modules/.package-lock.json', JSON.stringify({ packages }))
const start = (root: string): string => execFileSync(process.execPath, ['src/main.js'], { cwd: root, encoding: 'utf8' }).trim()

test('the service is loaded from its bundle', () => withInstallation(root => assert.equal(start(root), 'bundle')))

test('a bundle of sources that have changed since is not used', () => {
  withInstallation((root, write) => {
    write('src/run.ts', 'export const run = (): void => console.log("other sources")')
    assert.equal(start(root), 'other sources')
  })
  withInstallation(root => {
    const later = Date.now() / 1000 + 2 // Of the same size.
    utimesSync(path.join(root, 'src/run.ts'), later, later)
    assert.equal(start(root), 'sources')
  })
})

test('a bundle of other packages than those installed is not used', () => withInstallation((root, write) => {
  lock(write, { 'node_modules/parcel': { version: '1.0.1' } })
  assert.equal(start(root), 'sources')
}))

test('development packages, which an image leaves out, make no difference', () => withInstallation((root, write) => {
  lock(write, { 'node_modules/parcel': { version: '1.0.0' } })
  assert.equal(start(root), 'bundle')
}))

test('without a bundle, or with half of one, the sources are loaded as they are', () => withInstallation((root, write) => {
  write('node_modules/.bundled/index.json', '{ "installed"')
  assert.equal(start(root), 'sources')
  rmSync(path.join(root, 'node_modules/.bundled'), { recursive: true })
  assert.equal(start(root), 'sources')
}))

test('what a start has compiled is kept for the next, and made again where it is of no use', () => withInstallation(root => {
  const kept = path.join(root, 'node_modules/.bundled/service-1.js.cache')
  assert.equal(start(root), 'bundle')
  const compiled = readFileSync(kept)
  assert.equal(start(root), 'bundle')
  assert.deepEqual(readFileSync(kept), compiled)
  writeFileSync(kept, 'of another V8')
  assert.equal(start(root), 'bundle')
  assert.notEqual(readFileSync(kept, 'latin1'), 'of another V8')
}))

test('a stack trace names lines of the sources, and of packages those of the bundle', () => withInstallation((root, write) => {
  bundle(write, 'const ours = () => new TypeError("oh").stack\nconst theirs = () => ours()\nexports.run = () => console.log(theirs())\n')
  const [said = '', here = '', there = ''] = start(root).split('\n')
  assert.equal(said, 'TypeError: oh')
  assert.match(here, /^ {4}at ours \(.*\/src\/run\.ts:71\)$/)
  assert.match(there, /^ {4}at theirs \(.*\/node_modules\/\.bundled\/service-1\.js:2:\d+\)$/)
}))
