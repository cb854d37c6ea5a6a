import { readdirSync, readFileSync } from 'node:fs'

const PAGE_BYTES = 4096
/** USER_HZ: what /proc counts CPU time in, on every Linux of today. */
const TICK_MS = 10

/** What a process and all it started have used up, and hold, at one moment. */
export type Usage = { readonly cpuMs: number, readonly residentBytes: number, readonly processes: number }

type Row = { readonly parent: number, readonly cpuMs: number, readonly residentBytes: number }

/** CPU time of children that have ended is counted where Linux puts it: with the parent that waited for them. */
export function usageOf (pid: number): Usage {
  const rows = new Map<number, Row>()
  for (const name of readdirSync('/proc')) {
    const row = /^\d+$/.test(name) ? read(Number(name)) : undefined
    if (row) rows.set(Number(name), row)
  }
  const within = (id: number): boolean => id === pid || (rows.has(id) && within(rows.get(id)!.parent))
  const family = [...rows].filter(([id]) => within(id)).map(([, row]) => row)
  if (family.length === 0) throw new Error(`process ${pid} has ended`)
  return {
    cpuMs: family.reduce((sum, row) => sum + row.cpuMs, 0),
    residentBytes: family.reduce((sum, row) => sum + row.residentBytes, 0),
    processes: family.length
  }
}

/** What one process holds, without those it started. */
export function residentBytesOf (pid: number): number { return read(pid)?.residentBytes ?? 0 }

/** proc(5): after the command's closing bracket, field 4 is the parent, 14 to 17 user, system, children's user and system time, 24 resident pages. */
function read (pid: number): Row | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number)
    const cpuTicks = fields[11]! + fields[12]! + fields[13]! + fields[14]!
    return { parent: fields[1]!, cpuMs: cpuTicks * TICK_MS, residentBytes: fields[21]! * PAGE_BYTES }
  } catch {
    return undefined // It has just ended.
  }
}
