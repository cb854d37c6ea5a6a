import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from 'prom-client'

const RESOLUTION_MS = 10
const NANOSECONDS = 1e9

/** How the process itself is: the event loop's lag since the last scrape, processor time, memory, open files. */
export function processMetrics (registry: Registry): Disposable {
  const registers = [registry]
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  const lag = new Gauge({
    name: 'auralink_event_loop_lag_seconds', help: 'How late the event loop was, since the last scrape', labelNames: ['quantile'], registers,
    collect () {
      for (const [quantile, percentile] of [['0.5', 50], ['0.99', 99], ['1', 100]] as const) {
        // The timer itself takes one resolution; what is beyond that is lag. An empty histogram says NaN.
        const late = delay.percentile(percentile) / NANOSECONDS - RESOLUTION_MS / 1000
        lag.set({ quantile }, late > 0 ? late : 0)
      }
      delay.reset()
    }
  })
  const cpu = new Counter({
    name: 'process_cpu_seconds_total', help: 'Processor time used, in seconds', registers,
    collect () {
      const { user, system } = process.cpuUsage()
      cpu.reset()
      cpu.inc((user + system) / 1e6)
    }
  })
  const memory = new Gauge({
    name: 'process_resident_memory_bytes', help: 'Resident memory', registers,
    collect () { memory.set(process.memoryUsage.rss()) }
  })
  const heap = new Gauge({
    name: 'auralink_heap_used_bytes', help: 'JavaScript heap in use', registers,
    collect () { heap.set(process.memoryUsage().heapUsed) }
  })
  const start = new Gauge({ name: 'process_start_time_seconds', help: 'When the process began, in seconds since 1970', registers })
  start.set(performance.timeOrigin / 1000)
  return { [Symbol.dispose]: () => { delay.disable() } }
}
