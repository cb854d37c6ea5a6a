import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { aborted } from '../../lib/abort.ts'
import { silentLogger } from '../../lib/log.ts'
import { Bridge, localEngine } from '../bridge.ts'
import { type LegStats, noStats } from '../leg.ts'
import { type QualityRecord, QualityWatch } from './quality-watch.ts'
import { QualitySeries } from './series.ts'

const stats = (packets: number, lost: number, more: Partial<NonNullable<LegStats['quality']>> = {}): LegStats =>
  ({ ...noStats, packetsIn: packets, bytesIn: packets * 1000, quality: { packetsLost: lost, ...more } })

test('each point tells of the time since the one before', () => {
  const series = new QualitySeries()
  series.add(5000, stats(900, 100, { jitterMs: 3.14, freezes: { count: 1, totalMs: 300 } }))
  series.add(10_000, stats(1900, 100, { roundTripMs: 20, freezes: { count: 2, totalMs: 500.4 }, layer: 1, estimatedBitrate: 5 }))
  assert.deepEqual(series.points(), [
    { at: 5, bitrate: 1_440_000, lossPercent: 10, jitterMs: 3.1, roundTripMs: null, frozenMs: 300, estimatedBitrate: null, layer: null },
    { at: 10, bitrate: 1_600_000, lossPercent: 0, jitterMs: null, roundTripMs: 20, frozenMs: 200, estimatedBitrate: 5, layer: 1 }
  ])
})

test('however long a session lasts, its course stays small and loses nothing', () => {
  const series = new QualitySeries()
  let taken = 0
  const end = 24 * 3_600_000
  for (let at = 0; at <= end; at += 1000) {
    if (!series.isDue(at)) continue
    taken++
    series.add(at, stats(at, at / 100))
    assert.ok(series.points().length <= 120)
  }
  const points = series.points()
  assert.ok(points.length >= 50 && taken < 700, `${points.length} points of ${taken} samples`)
  assert.ok(JSON.stringify(points).length < 15_000)
  for (const [index, { at, bitrate, lossPercent }] of points.entries()) {
    assert.ok(at > (points[index - 1]?.at ?? 0))
    assert.deepEqual([bitrate, lossPercent], [8_000_000, 0.99])
  }
})

test('a session is followed while it lives, and told of once when it is over', async () => {
  const clock = new ManualClock(Date.now())
  const records: QualityRecord[] = []
  let now = stats(0, 0)
  using watch = new QualityWatch({ clock, sessions: () => bridge.sessions.values(), over: record => records.push(record) })
  await using bridge = new Bridge({ engine: localEngine, journal: watch, log: silentLogger, limits: { sessions: 10, rooms: 10 } })
  const leg = { kind: 'whip', stats: () => now, run: async (_room: unknown, { signal, live }: { signal: AbortSignal, live: () => void }) => { live(); await aborted(signal) } }
  const silent = await bridge.admit({ ...leg, stats: () => noStats }, { room: 'hall' })
  const session = await bridge.admit(leg, { room: 'hall' })
  for (let second = 1; second <= 20; second++) {
    now = stats(second * 100, 0)
    clock.advance(1000)
  }
  const live = watch.points(session.id).length
  assert.ok(live >= 3 && live <= 5, `${live} points in 20 s`)
  await session.close('enough')
  await silent.close('nothing ever came')
  assert.equal(records.length, 1)
  const { sessionId, kind, room, quality, points } = records[0]!
  assert.deepEqual([sessionId, kind, room, quality.direction, quality.packetsLost], [session.id, 'whip', 'hall', 'in', 0])
  assert.equal(points.length, live + 1, 'the end is a point of its own')
  assert.equal(watch.points(session.id).length, 0, 'and nothing is kept')
})
