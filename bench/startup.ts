// From the start of the process to the first 200 of /ready, and the memory of a service that has nothing to do.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PostgresServer } from '../test/support/postgres.ts'
import { residentBytesOf, usageOf } from './harness/process-tree.ts'
import { atMost, type Bench, median, type Report, round } from './harness/report.ts'
import { ServicePeer } from './peers/service.ts'

const STARTS = 5
const IDLE_MS = 10_000
const MiB = 2 ** 20

type Figures = { readonly firstMs: number, readonly againMs: number, readonly mainMiB: number, readonly treeMiB: number, readonly cpuPercent: number }

/** Starts with an empty data folder once, and then again and again with what the first has left. */
async function measure (databaseUrl: string | undefined): Promise<Figures> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'auralink-bench-'))
  try {
    const options = { databaseUrl, dataDir }
    let firstMs = 0
    { await using first = await ServicePeer.start(options); firstMs = first.startMs }
    const again: number[] = []
    for (let n = 0; n < STARTS; n++) {
      await using next = await ServicePeer.start(options)
      again.push(next.startMs)
    }
    await using idle = await ServicePeer.start(options)
    await sleep(IDLE_MS)
    const before = usageOf(idle.pid)
    await sleep(IDLE_MS)
    const after = usageOf(idle.pid)
    return {
      firstMs, againMs: median(again), mainMiB: residentBytesOf(idle.pid) / MiB, treeMiB: after.residentBytes / MiB, cpuPercent: (after.cpuMs - before.cpuMs) / IDLE_MS * 100
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function run (): Promise<Report> {
  await using postgres = await PostgresServer.start()
  const outside = await measure(await postgres.database())
  const embedded = await measure(undefined)
  const row = (database: string, { firstMs, againMs, mainMiB, treeMiB, cpuPercent }: Figures) =>
    ({ database, 'first start ms': round(firstMs, 0), 'start ms': round(againMs, 0), 'main RSS MiB': round(mainMiB, 0), 'all RSS MiB': round(treeMiB, 0), 'idle % of a core': round(cpuPercent) })
  return {
    title: 'Start to /ready, and what an idle service holds',
    method: `Median of ${STARTS} starts after a first one; memory ${2 * IDLE_MS / 1000} s after the start. PostgreSQL outside is already running.`,
    rows: [row('PostgreSQL', outside), row('embedded', embedded)],
    targets: [
      atMost('start to /ready with PostgreSQL', outside.againMs, 500, ' ms'),
      atMost('idle memory of the main process with PostgreSQL', outside.mainMiB, 150, ' MiB')
    ]
  }
}

export const bench: Bench = { name: 'startup', run }
