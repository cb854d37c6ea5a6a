import { createHash } from 'node:crypto'
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Script } from 'node:vm'

/** What the bundle was made from: the packages, and each source as it was. */
type Index = { readonly entry: string, readonly installed: string, readonly sources: Readonly<Record<string, string>> }

export type Bundle = {
  readonly exports: typeof import('./run.ts')
  /** Called when the service has started: keeps what V8 has compiled for it, for the starts to come. */
  readonly keepCompiled: () => void
}

const FOLDER = 'node_modules/.bundled'
const BUNDLED_LINE = /[\\/]node_modules[\\/]\.bundled[\\/]service-[\w-]+\.js:(\d+):\d+/

/**
 * Loads the service from one file instead of a thousand, as `scripts/bundle-service.mjs` makes it: the same program, sooner there.
 * A bundle of other sources or packages than those here now is left alone.
 */
export function loadBundle (root: string): Bundle | undefined {
  const folder = path.join(root, FOLDER)
  const index = readJson<Index>(path.join(folder, 'index.json'))
  if (!index || index.installed !== installedPackages(root)) return undefined
  for (const [file, stamp] of Object.entries(index.sources)) if (stampOf(`${root}/${file}`) !== stamp) return undefined
  nameSources(folder)
  return runCompiled(path.join(folder, index.entry))
}

/** Changes with the content of a file. Whole seconds: the layers of an image keep no more. */
export function stampOf (file: string): string {
  const { size, mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { size: 0, mtimeMs: 0 }
  return `${size} ${Math.floor(mtimeMs / 1000)}`
}

/** Names what npm has installed for running the service: one word that changes with any version. */
export function installedPackages (root: string): string {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'node_modules/.package-lock.json'), 'utf8')) as { packages: Record<string, { dev?: boolean, devOptional?: boolean, version?: string, integrity?: string }> }
  const running = Object.entries(packages).filter(([, { dev, devOptional }]) => !dev && !devOptional)
  return createHash('sha256').update(running.map(([name, { version, integrity }]) => `${name} ${version} ${integrity}\n`).join('')).digest('hex')
}

/**
 * Runs a file as Node runs CommonJS, with the functions compiled that an earlier start has called. Node's own compile cache is made
 * when a file is loaded and before any of it has run: it lacks nearly all of them. V8 refuses what another version of it has made.
 */
function runCompiled (file: string): Bundle {
  const kept = `${file}.cache`
  // ASCII: any other text would take twice the memory, and time.
  const script = new Script(readFileSync(file, 'latin1'), { filename: file, cachedData: readIfThere(kept) })
  const module = { exports: {} as Bundle['exports'] }
  script.runInThisContext()(module.exports, createRequire(file), module, file, path.dirname(file))
  return { exports: module.exports, keepCompiled: () => { if (script.cachedDataRejected !== false) writeIfAllowed(kept, script.createCachedData()) } }
}

/**
 * Has stack traces name the lines of our sources. Node's own way (`--enable-source-maps`) takes a tenth of a start and 15 MB; these
 * lines are read when the first trace is asked for.
 */
function nameSources (folder: string): void {
  let origins: Readonly<Record<string, string>> | undefined
  const sourceOf = (there: string, line: string): string => {
    origins ??= readJson(path.join(folder, 'lines.json')) ?? {}
    const origin = origins[line]
    return origin === undefined ? there : `/${origin}`
  }
  Error.prepareStackTrace = (error, calls) => [error, ...calls.map(call => `    at ${String(call).replace(BUNDLED_LINE, sourceOf)}`)].join('\n')
}

const readJson = <T>(file: string): T | undefined => {
  try {
    return JSON.parse(String(readIfThere(file))) as T
  } catch {
    return undefined // Half of one.
  }
}

function readIfThere (file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}

/** All of it or nothing, and nothing where whoever runs the service may not write. */
function writeIfAllowed (file: string, data: Buffer): void {
  try {
    const part = `${file}.${process.pid}`
    writeFileSync(part, data)
    renameSync(part, file)
  } catch {}
}
