// A media worker without codecs: gives every frame back, and dies or hangs of those that say so.
import { eachFrame } from '../../src/media/worker/batch.ts'
import { FlightRecord } from '../../src/media/worker/flight-recorder.ts'
import { FLIGHT_RECORDER_FD, type Order, type Report } from '../../src/media/worker/protocol.ts'

const flight = new FlightRecord(FLIGHT_RECORDER_FD)
const report = (message: Report): void => { process.send?.(message) }

process.on('disconnect', () => process.exit())
process.on('message', (order: Order) => {
  if (order.kind === 'ping') report({ kind: 'pong', cpuSeconds: process.cpuUsage().user / 1e6, residentBytes: 1 })
  if (order.kind !== 'work') return
  eachFrame(order.frames, (job, _time, data) => {
    flight.enter(job)
    if (data.equals(Buffer.from('poison'))) process.kill(process.pid, 'SIGKILL')
    while (data.equals(Buffer.from('endless'))) { /* As a decoder that found a circle in its input. */ }
  })
  flight.leave()
  report({ kind: 'done', taken: order.frames.jobs.length, broken: 0, frames: order.frames })
})
report({ kind: 'ready' })
