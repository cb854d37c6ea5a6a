import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

/** What the bundle was made from, and the file of each package. */
type Index = { readonly installed: string, readonly modules: Readonly<Record<string, string>> }

const OWN_FILE = /^\.{1,2}\/.*\.ts$/

/**
 * Lets our sources load packages from the bundle that `scripts/bundle-dependencies.mjs` made: one file each instead of hundreds.
 * A bundle made from other packages than those installed now is left alone, and so is one that is not there.
 */
export function useBundledDependencies (root: string): void {
  const folder = path.join(root, 'node_modules/.bundled')
  const index = readIndex(folder)
  if (index?.installed !== installedPackages(root)) return
  const sources = pathToFileURL(path.join(root, 'src/')).href
  const urls = new Map(Object.entries(index.modules).map(([specifier, file]) => [specifier, pathToFileURL(path.join(folder, file)).href]))
  registerHooks({
    resolve (specifier, context, next) {
      if (!context.parentURL?.startsWith(sources)) return next(specifier, context)
      // Every import of ours names a file as it is: looking for links, packages and other endings takes a tenth of a start.
      if (OWN_FILE.test(specifier)) return { url: new URL(specifier, context.parentURL).href, format: 'module-typescript', shortCircuit: true }
      const url = urls.get(specifier)
      return url === undefined ? next(specifier, context) : { url, format: 'module', shortCircuit: true }
    }
  })
}

function readIndex (folder: string): Index | undefined {
  try {
    return JSON.parse(readFileSync(path.join(folder, 'index.json'), 'utf8')) as Index
  } catch {
    return undefined
  }
}

/** Names what npm has installed for running the service: one word that changes with any version. */
export function installedPackages (root: string): string {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'node_modules/.package-lock.json'), 'utf8')) as { packages: Record<string, { dev?: boolean, devOptional?: boolean, version?: string, integrity?: string }> }
  const running = Object.entries(packages).filter(([, { dev, devOptional }]) => !dev && !devOptional)
  return createHash('sha256').update(running.map(([name, { version, integrity }]) => `${name} ${version} ${integrity}\n`).join('')).digest('hex')
}
