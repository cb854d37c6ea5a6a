import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { installedPackages } from './bundled.ts'

/** A small installation: one package, and a source that says which of its two copies it got. */
function installation (): string {
  const root = mkdtempSync(path.join(tmpdir(), 'auralink-bundled-'))
  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    writeFileSync(path.join(root, file), text)
  }
  write('package.json', '{ "type": "module" }')
  write('node_modules/.package-lock.json', JSON.stringify({ packages: { 'node_modules/parcel': { version: '1.0.0' }, 'node_modules/tool': { version: '1.0.0', dev: true } } }))
  write('node_modules/parcel/package.json', '{ "name": "parcel", "version": "1.0.0", "type": "module", "exports": "./index.js" }')
  write('node_modules/parcel/index.js', 'export const copy = "installed"')
  write('node_modules/.bundled/parcel.js', 'export const copy = "bundled"')
  write('node_modules/.bundled/index.json', JSON.stringify({ installed: installedPackages(root), modules: { parcel: 'parcel.js' } }))
  mkdirSync(path.join(root, 'src'))
  symlinkSync(path.resolve(import.meta.dirname, 'bundled.ts'), path.join(root, 'src/bundled.ts'))
  write('src/main.js', 'const { useBundledDependencies } = await import("./bundled.ts")\nuseBundledDependencies(process.cwd())\nconsole.log((await import("./user.js")).copy)')
  write('src/user.js', 'export { copy } from "parcel"')
  return root
}

const start = (root: string): string => execFileSync(process.execPath, ['src/main.js'], { cwd: root, encoding: 'utf8' }).trim()

function withInstallation (work: (root: string) => void): void {
  const root = installation()
  try { work(root) } finally { rmSync(root, { recursive: true }) }
}

test('our sources load a package from its bundle', () => withInstallation(root => assert.equal(start(root), 'bundled')))

test('a bundle of other versions than those installed is not used', () => withInstallation(root => {
  writeFileSync(path.join(root, 'node_modules/.package-lock.json'), JSON.stringify({ packages: { 'node_modules/parcel': { version: '1.0.1' } } }))
  assert.equal(start(root), 'installed')
}))

test('development packages, which an image leaves out, make no difference', () => withInstallation(root => {
  writeFileSync(path.join(root, 'node_modules/.package-lock.json'), JSON.stringify({ packages: { 'node_modules/parcel': { version: '1.0.0' } } }))
  assert.equal(start(root), 'bundled')
}))

test('without a bundle, or with half of one, the packages are loaded as they are', () => withInstallation(root => {
  writeFileSync(path.join(root, 'node_modules/.bundled/index.json'), '{ "installed"')
  assert.equal(start(root), 'installed')
  rmSync(path.join(root, 'node_modules/.bundled'), { recursive: true })
  assert.equal(start(root), 'installed')
}))
