// A process that owns media workers and is killed by a test: prints the worker's process id, then waits for ever.
import { silentLogger } from '../../src/lib/log.ts'
import { codec, opus } from '../../src/media/codec.ts'
import { MediaWorkers } from '../../src/media/worker/pool.ts'

const workers = new MediaWorkers({ log: silentLogger })
const job = workers.transcode({ from: codec('PCMU'), to: opus }, { packet: () => console.log(workers.stats().workers[0]?.pid), failed: () => {} })
for (let time = 0; time < 100; time += 20) job.push(time, Buffer.alloc(160))
