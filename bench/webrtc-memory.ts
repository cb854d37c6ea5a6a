// What a session leaves behind when it is over: nothing.
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PostgresServer } from '../test/support/postgres.ts'
import { Child } from './harness/child.ts'
import { atMost, type Bench, type Report, type Row, round } from './harness/report.ts'
import type { Memory } from './harness/tell-memory.ts'
import type { SessionsLoad } from './load/sessions.ts'
import { BENCH_API_KEY, ServicePeer } from './peers/service.ts'

const SESSIONS_PER_BATCH = 500
const BATCHES_PER_THOUSAND = 2
/** The first are for caches to fill and pools to grow. */
const SETTLING_BATCHES = BATCHES_PER_THOUSAND
const MEASURED_BATCHES = BATCHES_PER_THOUSAND * Number(process.env.BENCH_THOUSANDS ?? 1)
const AT_ONCE = 8
/** Whoever vanished is missed after 30 s. */
const GONE_WITHIN_MS = 60_000
const LOOK_EVERY_MS = 500
const SETTLE_MS = 2_000
const BATCH_WITHIN_MS = 120_000
const MiB = 2 ** 20

async function ask (peer: ServicePeer, nth: number): Promise<Memory> {
  process.kill(peer.pid, 'SIGUSR2')
  return JSON.parse(await peer.printed(new RegExp(`\\{"memory":${nth},.*\\}`))) as Memory
}

async function allGone (peer: ServicePeer): Promise<void> {
  for (const deadline = performance.now() + GONE_WITHIN_MS; ; await sleep(LOOK_EVERY_MS)) {
    const { items } = await peer.call<{ items: readonly object[] }>('GET', '/api/v1/sessions')
    if (items.length === 0) return
    if (performance.now() > deadline) throw new Error(`${items.length} sessions are still there`)
  }
}

async function run (): Promise<Report> {
  await using postgres = await PostgresServer.start()
  const nodeOptions = ['--expose-gc', '--import', path.join(import.meta.dirname, 'harness/tell-memory.ts')]
  await using peer = await ServicePeer.start({ databaseUrl: await postgres.database(), nodeOptions })
  const batches = SETTLING_BATCHES + MEASURED_BATCHES
  const argument: SessionsLoad = { url: peer.url, headers: { 'X-AuraLink-API-Key': BENCH_API_KEY }, batches, pairs: SESSIONS_PER_BATCH / 2, atOnce: AT_ONCE }
  await using load = new Child('load', [process.execPath, path.join(import.meta.dirname, 'load/sessions.ts'), JSON.stringify(argument)])
  const rows: Row[] = []
  const all: Memory[] = []
  for (let batch = 1; batch <= batches; batch++) {
    await load.printed(new RegExp(`"batch":${batch},`), BATCH_WITHIN_MS)
    await allGone(peer)
    await sleep(SETTLE_MS)
    const memory = await ask(peer, batch)
    if (load.ended) throw new Error(`the load has ended:\n${load.output.slice(-2000)}`)
    process.kill(load.pid, 'SIGUSR1')
    all.push(memory)
    rows.push({ 'sessions so far': batch * SESSIONS_PER_BATCH, 'RSS MiB': round(memory.residentBytes / MiB, 1), 'heap MiB': round(memory.heapBytes / MiB), 'buffers MiB': round(memory.bufferBytes / MiB) })
  }
  const settled = all[SETTLING_BATCHES - 1]!
  const last = all.at(-1)!
  const grown = (figure: (memory: Memory) => number): number => (figure(last) - figure(settled)) / MiB / (MEASURED_BATCHES / BATCHES_PER_THOUSAND)
  return {
    title: 'What sessions leave behind',
    method: `WHIP publishers and WHEP viewers in pairs, each in a room of its own, connected, with media, then ended, three of four by DELETE, the fourth by vanishing; ${AT_ONCE} pairs at once. ` +
      `Main process, garbage collected, ${SETTLE_MS / 1000} s after the last of ${SESSIONS_PER_BATCH} sessions is gone; the first ${SETTLING_BATCHES * SESSIONS_PER_BATCH} settle it. PostgreSQL outside.`,
    rows,
    targets: [
      atMost('resident memory, per 1,000 sessions', grown(({ residentBytes }) => residentBytes), 1, ' MiB'),
      atMost('heap and buffers, per 1,000 sessions', grown(({ heapBytes, bufferBytes }) => heapBytes + bufferBytes), 1, ' MiB')
    ]
  }
}

export const bench: Bench = { name: 'webrtc-memory', run }
