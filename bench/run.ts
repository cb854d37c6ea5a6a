// npm run bench -- [names…]: prints tables of what was measured side by side, and keeps them as JSON in bench/results/.
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import path from 'node:path'
import { type Bench, printReport } from './harness/report.ts'
import { messageOf } from '../src/lib/errors.ts'

/** A module without a report tells its story by itself, as it is loaded. */
const benches: Record<string, () => Promise<{ bench?: Bench }>> = {
  transcode: () => import('./transcode.ts'),
  'rtmp-ingest': () => import('./rtmp-ingest.ts'),
  'rtmp-delay': () => import('./rtmp-delay.ts'),
  startup: () => import('./startup.ts'),
  http: () => import('./http.ts'),
  news: () => import('./news.ts'),
  recorder: () => import('./recorder.ts'),
  'webrtc-fanout': () => import('./webrtc-fanout.ts'),
  'webrtc-join': () => import('./webrtc-join.ts'),
  'webrtc-memory': () => import('./webrtc-memory.ts')
}

const folder = path.join(import.meta.dirname, 'results')
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(benches)
const unknown = names.filter(name => !(name in benches))
if (unknown.length > 0) {
  console.error(`There is no bench called ${unknown.join(', ')}. There are: ${Object.keys(benches).join(', ')}.`)
  process.exit(2)
}

const busy = (): string => `load average ${loadavg().map(load => load.toFixed(1)).join(' ')}`
console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${process.platform} ${process.arch}, ${busy()}`)
await mkdir(folder, { recursive: true })
for (const name of names) {
  try {
    const { bench } = await benches[name]!()
    if (!bench) continue
    const report = await bench.run()
    console.log(printReport(report), busy())
    await writeFile(path.join(folder, `${name}.local.json`), `${JSON.stringify({ at: new Date().toISOString(), node: process.version, loadAverage: loadavg(), ...report }, null, 2)}\n`)
  } catch (error) {
    console.error(`${name}: ${messageOf(error)}`)
    process.exitCode = 1
  }
}
