// Run after every `npm install` (with Node 24's npm). A registry mirror may lack packages for other platforms; npm then
// leaves them out of the lock without a word, and `npm ci` refuses the lock. This adds the missing optional entries.
import { readFileSync, writeFileSync } from 'node:fs'

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
const packages = lock.packages

/** Is `name` installed where a package in folder `from` would find it? */
function found (from, name) {
  for (let folder = from; ; folder = folder.slice(0, folder.lastIndexOf('node_modules/')).replace(/\/$/, '')) {
    if (packages[`${folder ? `${folder}/` : ''}node_modules/${name}`]) return true
    if (!folder) return false
  }
}

let added = 0
for (const [folder, entry] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (found(folder, name) || !/^\d/.test(version)) continue
    const os = name.match(/(darwin|linux|win32|android|freebsd|openharmony|win)/)?.[1]
    const cpu = name.match(/(arm64|x64|ia32|arm|ppc64|riscv64|s390x)/)?.[1] ?? 'x64'
    packages[`node_modules/${name}`] = { version, cpu: [cpu], ...(entry.dev ? { dev: true } : {}), optional: true, os: [os === 'win' ? 'win32' : os ?? 'unknown'] }
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
console.log(`lock completed: ${added} entries added`)
