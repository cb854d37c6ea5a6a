// Who publishes by WHIP, in which codecs, who watches by WHEP: one line a row. Each viewer decodes what it gets, and must have seen
// the flashes, heard the beeps, and both together.
import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import test, { after, before } from 'node:test'
import type { CodecName } from '../../src/media/codec.ts'
import { launchBrowser, type TestBrowser } from '../support/browser.ts'
import { soundOffsets } from '../support/content.ts'
import { missing } from '../support/peers.ts'
import { until } from '../support/until.ts'
import { viewerPage } from '../support/viewer-page.ts'
import { type Edge, openEdge } from '../support/webrtc-edge.ts'
import { chromium } from '../support/webrtc-peers/chromium.ts'
import type { Publish, Watch, Watched } from '../support/webrtc-peers/peer.ts'
import { aiortc, webrtcbin } from '../support/webrtc-peers/python.ts'
import * as simpleWhipClient from '../support/webrtc-peers/simple-whip-client.ts'
import * as werift from '../support/webrtc-peers/werift.ts'

type PeerName = 'Chromium' | 'webrtcbin' | 'aiortc' | 'simple-whip-client' | 'werift'
type Row = readonly [publisher: PeerName, video: CodecName, audio: CodecName, viewer: PeerName]

const rows: readonly Row[] = [
  ['Chromium', 'H264', 'opus', 'Chromium'],
  ['Chromium', 'VP8', 'opus', 'Chromium'],
  ['Chromium', 'VP9', 'opus', 'Chromium'],
  ['Chromium', 'AV1', 'opus', 'Chromium'],
  ['Chromium', 'VP8', 'PCMU', 'aiortc'],
  ['Chromium', 'VP9', 'G722', 'webrtcbin'],
  ['Chromium', 'AV1', 'opus', 'werift'],
  ['webrtcbin', 'H264', 'G722', 'Chromium'],
  ['webrtcbin', 'H265', 'opus', 'webrtcbin'],
  ['webrtcbin', 'VP8', 'PCMA', 'aiortc'],
  ['aiortc', 'H264', 'PCMU', 'webrtcbin'],
  ['aiortc', 'VP8', 'opus', 'Chromium'],
  ['simple-whip-client', 'VP8', 'opus', 'werift'],
  ['simple-whip-client', 'H264', 'opus', 'aiortc'],
  ['simple-whip-client', 'H265', 'opus', 'webrtcbin'],
  ['werift', 'VP9', 'PCMA', 'Chromium'],
  ['werift', 'H264', 'opus', 'Chromium'],
  ['werift', 'VP8', 'opus', 'aiortc']
]
const programs: Readonly<Record<PeerName, readonly string[]>> = {
  Chromium: [], webrtcbin: ['webrtcbin'], aiortc: ['aiortc'], 'simple-whip-client': ['whip-client', 'tcc', 'ffmpeg'], werift: ['ffmpeg']
}

/** From the first flash to the last. */
const WATCH_S = 6
/** Of the 30 a second an encoder on a busy machine makes, and a busy decoder shows, few may be left; a flash of 100 ms needs them. */
const LEAST_FPS = 4
/** Of flashes and of beeps, at both ends one may be cut off. The page draws and beeps by timers, which a busy machine delays. */
const MAX_MISSING = 1
const MAX_MISSING_CHROMIUM = 2
/** From here on joining is over, and sound and picture have found each other. */
const SETTLING_S = 1.5
/** Seconds between a flash and its beep. Some play each as it comes, through buffers of their own; lip sync is measured where it is promised. */
const MAX_OFFSET_S = 0.4
const FIRST_FRAME_WITHIN_MS = 3000
/** bit/s, far below what any publisher here sends with: one that hears nothing of its packets falls to it. */
const STARVING_BITRATE = 50_000
const STARTED_WITHIN_MS = 60_000
const WATCHED_WITHIN_MS = 90_000
/** A machine that stands still this long (ms) spoils what is measured on it: then it is watched again. */
const STANDSTILL_MS = 60
const ATTEMPTS = 3

let browser: TestBrowser | undefined
before(async () => { browser = await launchBrowser() })
after(() => browser?.[Symbol.asyncDispose]())

const publishers = (): Readonly<Record<PeerName, Publish>> => ({
  Chromium: chromium(browser!).publish, webrtcbin: webrtcbin.publish, aiortc: aiortc.publish, 'simple-whip-client': simpleWhipClient.publish, werift: werift.publish
})
const viewers = (): Readonly<Partial<Record<PeerName, Watch>>> => ({ Chromium: chromium(browser!).watch, webrtcbin: webrtcbin.watch, aiortc: aiortc.watch, werift: werift.watch })

for (const row of rows) {
  const [publisher, video, audio, viewer] = row
  test(`${publisher}, ${video} and ${audio}, to ${viewer}`, { skip: missing(...programs[publisher], ...programs[viewer]), timeout: 300_000 }, async t => {
    if (row.includes('Chromium') && !browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
    await using edge = await openEdge({ page: viewerPage, bindAddress: '0.0.0.0' })
    await using publishing = await publishers()[publisher](`${edge.url}/whip/hall?identity=ann`, { video, audio })
    await until('picture and sound are published', () => edge.bridge.room('hall')?.find('ann')?.tracks.size === 2, STARTED_WITHIN_MS)
    const sessions = new Set(edge.bridge.sessions.values())
    for (let attempt = 1; ; attempt++) {
      const lag = monitorEventLoopDelay({ resolution: 5 })
      lag.enable()
      await using watching = await viewers()[viewer]!(`${edge.url}/whep/hall?participant=ann`, { video, audio })
      await until(`${WATCH_S} s are watched`, async () => await watching.watchedS() >= WATCH_S, WATCHED_WITHIN_MS)
      checkSessions(edge, { video, audio })
      for (const session of edge.bridge.sessions.values()) sessions.add(session)
      const seen = await watching.leave()
      lag.disable()
      const { words, wrong } = judge(seen, row.includes('Chromium') ? MAX_MISSING_CHROMIUM : MAX_MISSING)
      t.diagnostic(`${words}; the machine stood still for ${Math.round(lag.max / 1e6)} ms`)
      if (wrong.length === 0) break
      assert.ok(attempt < ATTEMPTS && lag.max / 1e6 > STANDSTILL_MS, `${wrong.join(', ')}: ${words}`)
      await until('the viewer is gone', () => edge.bridge.sessions.size === 1)
    }
    const allowed = await publishing.allowedBitrate?.()
    assert.ok(typeof allowed !== 'number' || allowed > STARVING_BITRATE, 'the publisher’s congestion control hears of its packets')
    await publishing.leave()
    await until('nobody is left', () => edge.transports.transports === 0 && edge.bridge.sessions.size === 0 && edge.bridge.room('hall') === undefined)
    for (const session of sessions) assert.equal(session.state, 'ended')
  })
}

/** Both ends carry what the row says, as it came. */
function checkSessions (edge: Edge, { video, audio }: { video: CodecName, audio: CodecName }): void {
  const [whip, whep] = [...edge.bridge.sessions.values()].map(session => session.describe().stats.detail as Record<'video' | 'audio', Record<string, unknown>>)
  assert.deepEqual([whip!.video.codec, whip!.audio.codec], [video, audio])
  for (const [section, codec] of [[whep!.video, video], [whep!.audio, audio]] as const) assert.deepEqual([section.codec, section.transcoded], [codec, false])
}

/** What was seen, in words, and what is wrong with it. */
function judge ({ flashes, beeps, frames, firstFrameMs = 0 }: Watched, maxMissing: number): { words: string, wrong: string[] } {
  const settled = flashes.filter(at => at > flashes[0]! + SETTLING_S)
  const [first = 0, last = 0] = [settled[0], settled.at(-1)]
  const heard = beeps.filter(at => at > first - 0.5 && at < last + 0.5)
  const offsets = soundOffsets({ flashes: settled, beeps }).toSorted((a, b) => a - b)
  const offset = offsets[offsets.length >> 1] ?? NaN
  const due = Math.round(last - first) + 1
  const checks = {
    'a flash a second': settled.length > 2 && Math.abs(settled.length - due) <= maxMissing,
    'a beep a second': Math.abs(heard.length - due) <= maxMissing,
    'moving pictures': frames >= (last - first) * LEAST_FPS,
    'sound in step': Math.abs(offset) <= MAX_OFFSET_S,
    'a picture soon': firstFrameMs <= FIRST_FRAME_WITHIN_MS
  }
  const words = `${frames} frames; then ${settled.length} flashes and ${heard.length} beeps in ${(last - first).toFixed(1)} s, sound ${Math.round(offset * 1000)} ms after its picture`
  return { words, wrong: Object.entries(checks).filter(([, met]) => !met).map(([what]) => `not ${what}`) }
}
