import { readFileSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import { parse, type IncludeRequest } from './parser.ts'
import { HoconError, type ObjectNode } from './values.ts'

const MAX_INCLUDE_DEPTH = 16

/** Reads a HOCON file and what it includes. Includes stay inside the file's own folder, symbolic links followed. */
export function parseFile (file: string): { root: ObjectNode, files: readonly string[] } {
  const files: string[] = []
  const folder = realpathSync(path.dirname(file))

  const read = (name: string, trail: readonly string[], prefix: readonly string[]): ObjectNode => {
    files.push(name)
    const include = (request: IncludeRequest): ObjectNode | undefined => {
      const target = find(request, name, folder)
      if (target === undefined) return undefined
      if ([...trail, name].includes(target)) throw new HoconError(`${target} includes itself`, request.origin)
      if (trail.length >= MAX_INCLUDE_DEPTH) throw new HoconError(`files include each other deeper than ${MAX_INCLUDE_DEPTH}`, request.origin)
      return read(target, [...trail, name], request.prefix)
    }
    return parse(readFileSync(name, 'utf8'), { source: name, include, prefix })
  }

  const root = read(path.resolve(file), [], [])
  return { root, files }
}

/** The file meant by an include: as named, or with `.conf` or `.json` after it. Missing files are missing objects, unless required. */
function find ({ name, required, origin }: IncludeRequest, from: string, folder: string): string | undefined {
  const named = path.resolve(path.dirname(from), name)
  for (const candidate of [named, `${named}.conf`, `${named}.json`]) {
    const real = existing(candidate)
    if (real === undefined) continue
    const outside = path.relative(folder, real).startsWith('..') || path.isAbsolute(path.relative(folder, real))
    if (outside) throw new HoconError(`“${name}” is outside the folder of the configuration file`, origin)
    return real
  }
  if (required) throw new HoconError(`the required file “${name}” does not exist`, origin)
  return undefined
}

function existing (file: string): string | undefined {
  try {
    return statSync(file).isFile() ? realpathSync(file) : undefined
  } catch {
    return undefined
  }
}
