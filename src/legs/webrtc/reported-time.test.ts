import assert from 'node:assert/strict'
import test from 'node:test'
import { wallTimeOf } from '../../media/time-reference.ts'
import { ClockSkew, ReportedTime } from './reported-time.ts'

const VIDEO_CLOCK = 90_000
const AUDIO_CLOCK = 48_000
/** The publisher's clock less ours. */
const AHEAD_MS = 3_600_000

/** Both streams report at these times (ms of ours), and each packet comes as it is made. @param speed of the timestamps reported; packets have theirs at 1 */
function lipSync (times: readonly number[], speed: number): number[] {
  const skew = new ClockSkew()
  const streams = [VIDEO_CLOCK, AUDIO_CLOCK].map(clockRate => ({ clockRate, time: new ReportedTime(skew, clockRate) }))
  const [sight, sound] = streams.map(({ clockRate, time }, index) => times.map(at => {
    const now = at + index * 300 // One after the other.
    const rtpTimestamp = Math.round(now * speed / 1000 * clockRate)
    const came = now * speed
    const reference = time.take({ rtpTimestamp, wallMs: AHEAD_MS + now }, came)
    return wallTimeOf(0, reference, clockRate)
  }))
  return sight!.map((ms, index) => Math.round(sound![index]! - ms))
}

test('reports that are right bring sound and picture together', () => {
  assert.deepEqual(lipSync([1000, 1400, 6000, 11_000], 1), [0, 0, 0, 0])
})

test('timestamps that run twice as fast as the clock beside them are not believed: packets are of when they came', () => {
  const settled = lipSync([1000, 1400, 6000, 11_000, 15_000], 2).slice(2)
  assert.deepEqual(settled, [0, 0, 0])
})

test('a clock that was set is believed again at the report after; until then, what was said before holds', () => {
  const time = new ReportedTime(new ClockSkew(), VIDEO_CLOCK)
  const shownAt = (ms: number, theirs: number): number => {
    const rtpTimestamp = ms * 90
    return wallTimeOf(rtpTimestamp, time.take({ rtpTimestamp, wallMs: theirs }, ms + 20 + ms / 10), VIDEO_CLOCK)
  }
  assert.deepEqual([shownAt(1000, 50_000), shownAt(2000, 51_000), shownAt(3000, 152_000), shownAt(4000, 153_000)], [1120, 2120, 3120, 4420])
})

test('a sender that says the time of its last packet, late by what it was busy with, is believed', () => {
  const time = new ReportedTime(new ClockSkew(), AUDIO_CLOCK)
  const walls = [0, 150, 20, 180].map((late, second) => time.take({ rtpTimestamp: second * 48_000, wallMs: 9_000 + second * 1000 + late }, second * 1000).wallMs)
  assert.deepEqual(walls, [0, 1150, 2020, 3180])
})
