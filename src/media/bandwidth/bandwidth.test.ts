import assert from 'node:assert/strict'
import test from 'node:test'
import { ArrivalRate } from './arrival-rate.ts'
import { BandwidthEstimator } from './estimator.ts'
import { LayerChooser } from './layer-chooser.ts'
import { type PacketFate, SendLedger } from './send-ledger.ts'

const PACKET_BYTES = 1200
const FEEDBACK_MS = 50

function seeded (seed: number): () => number {
  let state = seed >>> 0
  return () => (state = Math.imul(state, 1_664_525) + 1_013_904_223 >>> 0) / 2 ** 32
}

type Path = { capacity: number, loss?: number, jitterMs?: number, queueMs?: number }

/** Sends at a bitrate (bit/s) that may depend on the estimate, over a path, for so many seconds. */
function run (estimator: BandwidthEstimator, path: Path, sending: () => number, seconds: number, random = seeded(1), from = 0): void {
  const { capacity, loss = 0, jitterMs = 0, queueMs = 400 } = path
  let freeAt = from
  let fates: PacketFate[] = []
  let feedbackAt = from + FEEDBACK_MS
  for (let now = from; now < from + seconds * 1000; now += PACKET_BYTES * 8000 / sending()) {
    const queued = Math.max(0, freeAt - now)
    const lost = queued > queueMs || random() < loss
    if (queued <= queueMs) freeAt = now + queued + PACKET_BYTES * 8000 / capacity
    fates.push({ sentAt: now, arrivedAt: lost ? undefined : freeAt + 20 + random() * jitterMs, bytes: PACKET_BYTES })
    if (now < feedbackAt) continue
    estimator.take(fates, now)
    fates = []
    feedbackAt = now + FEEDBACK_MS
  }
}

test('a path that carries all is not estimated', () => {
  for (const jitterMs of [0, 5, 15]) {
    const estimator = new BandwidthEstimator()
    run(estimator, { capacity: 10_000_000, jitterMs, loss: 0.01 }, () => 1_500_000, 30)
    assert.ok(estimator.bitrate === undefined || estimator.bitrate > 1_000_000, `${estimator.bitrate} bit/s with ${jitterMs} ms of jitter`)
  }
})

test('a path that is too narrow is found within 2 s, whatever it carries', () => {
  for (const capacity of [100_000, 300_000, 1_000_000, 3_000_000]) {
    const estimator = new BandwidthEstimator()
    run(estimator, { capacity }, () => capacity * 4, 2)
    assert.ok(estimator.bitrate !== undefined && estimator.bitrate <= capacity && estimator.bitrate > capacity / 3, `${estimator.bitrate} of ${capacity} bit/s`)
  }
})

test('whoever follows the estimate uses the path, and does not fill its queue', () => {
  const random = seeded(5)
  for (let round = 0; round < 5; round++) {
    const capacity = 200_000 + random() * 3_000_000
    const estimator = new BandwidthEstimator()
    run(estimator, { capacity, jitterMs: 5 }, () => estimator.bitrate ?? capacity * 2, 20, random)
    const used = estimator.bitrate! / capacity
    assert.ok(used > 0.5 && used < 1.15, `${used.toFixed(2)} of ${Math.round(capacity)} bit/s`)
  }
})

test('heavy loss lowers the estimate, a little does not', () => {
  const estimator = new BandwidthEstimator()
  run(estimator, { capacity: 10_000_000, loss: 0.3 }, () => 1_000_000, 5)
  assert.ok(estimator.bitrate! < 750_000)
  assert.ok(Math.abs(estimator.lossFraction - 0.3) < 0.2)
})

test('what is lost before anything was measured says nothing, and an estimate below what goes through calmly is corrected', () => {
  const estimator = new BandwidthEstimator()
  estimator.take(Array.from({ length: 40 }, (_, i) => ({ sentAt: i, arrivedAt: i < 5 ? i + 20 : undefined, bytes: PACKET_BYTES })), 50)
  assert.equal(estimator.bitrate, undefined)
  estimator.bitrate = 30_000
  run(estimator, { capacity: 10_000_000 }, () => 400_000, 4, seeded(1), 1000)
  assert.ok(estimator.bitrate > 300_000, `${estimator.bitrate} bit/s`)
})

test('a path that widens is used again', () => {
  const estimator = new BandwidthEstimator()
  run(estimator, { capacity: 300_000 }, () => estimator.bitrate ?? 1_000_000, 5)
  const narrow = estimator.bitrate!
  run(estimator, { capacity: 3_000_000 }, () => estimator.bitrate!, 20, seeded(1), 6000)
  assert.ok(estimator.bitrate! > narrow * 2, `${narrow}, then ${estimator.bitrate}`)
})

test('the ledger settles each packet once, over the wrap of its numbers', () => {
  const ledger = new SendLedger()
  const first = ledger.next(100, 5)
  for (let i = 1; i < 70_000; i++) ledger.next(i & 0xff, i)
  const base = (first + 69_998) & 0xffff
  const feedback = { type: 'transport-cc', sender: 1, media: 2, feedback: 0, base, arrivals: [40, undefined, 44] } as const
  assert.deepEqual(ledger.settle(feedback).map(({ sentAt, arrivedAt }) => [sentAt, arrivedAt]), [[69_998, 10], [69_999, undefined]])
  assert.deepEqual(ledger.settle(feedback), [])
  const late = { ...feedback, arrivals: [40, 48, 44] }
  assert.deepEqual(ledger.settle(late).map(({ sentAt, arrivedAt, late: isLate }) => [sentAt, arrivedAt, isLate]), [[69_999, 12, true]])
  assert.deepEqual(ledger.settle(late), [])
})

test('packets that were only overtaken are no loss', () => {
  const estimator = new BandwidthEstimator()
  for (let now = 0; now < 3000; now += 50) {
    const overtaken = { sentAt: now + 20, arrivedAt: undefined, bytes: PACKET_BYTES }
    const came = Array.from({ length: 4 }, (_, i) => ({ sentAt: now + i * 5, arrivedAt: now + 20 + i * 5, bytes: PACKET_BYTES }))
    estimator.take([{ ...overtaken, arrivedAt: now, late: true }, ...came, overtaken], now)
  }
  assert.equal(estimator.bitrate, undefined)
  assert.ok(estimator.lossFraction < 0.05, `${estimator.lossFraction}`)
})

const BITRATES = [150_000, 500_000, 1_500_000]

test('a viewer goes down at once, up step by step, and tries less often what has failed', () => {
  const chooser = new LayerChooser(3, 0)
  assert.equal(chooser.choose(BITRATES, undefined, true, 100), 2, 'the best, until something limits it')
  assert.equal(chooser.choose(BITRATES, 250_000, false, 2000), 0)
  assert.equal(chooser.choose(BITRATES, 250_000, true, 11_000), 0)
  assert.equal(chooser.choose(BITRATES, 250_000, true, 12_100), 1, 'a trial')
  assert.equal(chooser.choose(BITRATES, 250_000, false, 12_600), 0, 'that failed')
  assert.equal(chooser.choose(BITRATES, 250_000, true, 32_000), 0, 'the next comes later')
  assert.equal(chooser.choose(BITRATES, 250_000, true, 32_700), 1)
})

test('a viewer with room goes up without waiting', () => {
  const chooser = new LayerChooser(3, 0)
  chooser.choose(BITRATES, 200_000, false, 2000)
  assert.equal(chooser.choose(BITRATES, 700_000, true, 3000), 0)
  assert.equal(chooser.choose(BITRATES, 700_000, true, 3600), 1)
  assert.equal(chooser.choose(BITRATES, 5_000_000, true, 5200), 2)
  assert.equal(chooser.choose([150_000], 5_000_000, true, 9000), 0, 'the others are gone')
})

test('better layers that come later are taken as long as nothing limits the path', () => {
  const chooser = new LayerChooser(1, 0)
  assert.equal(chooser.choose([150_000], undefined, true, 1000), 0)
  assert.equal(chooser.choose(BITRATES, undefined, true, 1600), 1)
  assert.equal(chooser.choose(BITRATES, undefined, true, 3200), 2)
})

test('however late it is told, the ledger knows when each packet was sent, and tells of each once', () => {
  for (const outstanding of [1, 500, 513, 3000, 8192]) {
    const ledger = new SendLedger()
    const first = ledger.next(100, 0)
    for (let n = 1; n < outstanding; n++) ledger.next(100 + n % 1000, n)
    const feedback = { type: 'transport-cc', sender: 1, media: 1, feedback: 0, base: first, arrivals: Array.from({ length: outstanding + 5 }, (_, n) => n % 3 === 0 ? undefined : n * 4) } as const
    const expected = Array.from({ length: outstanding }, (_, n) => ({ sentAt: n, arrivedAt: n % 3 === 0 ? undefined : n, bytes: 100 + n % 1000, late: false }))
    assert.deepEqual(ledger.settle(feedback), expected)
    assert.deepEqual(ledger.settle(feedback), [])
  }
})

test('the rate of arrivals is that of the last half second, with or without what a probe pushed', () => {
  const random = seeded(3)
  const rate = new ArrivalRate()
  let kept: { at: number, bytes: number, disturbed: boolean }[] = []
  const expected = (packets: typeof kept): number => {
    const span = packets.length === 0 ? 0 : packets.at(-1)!.at - packets[0]!.at
    return span < 125 ? 0 : packets.slice(1).reduce((sum, { bytes }) => sum + bytes, 0) * 8000 / span
  }
  assert.equal(rate.measure(), 0)
  for (let at = 0, n = 0; n < 5000; n++) {
    if (n === 3000) at -= 60_000 // Its clock was set.
    const packet = { at: at += random() * (n < 2000 ? 8 : 1), bytes: Math.round(random() * 1400), disturbed: random() < 0.3 }
    kept.push(packet)
    rate.add(packet.at, packet.bytes, packet.disturbed)
    if (n % 7 !== 0) continue
    rate.trim()
    kept = kept.filter(each => Math.abs(packet.at - each.at) <= 500)
    assert.equal(Math.round(rate.measure()), Math.round(expected(kept)))
    assert.equal(Math.round(rate.measure(true)), Math.round(expected(kept.filter(({ disturbed }) => !disturbed))))
  }
})
