// What a person sees and hears: a clip with a flash and a beep each second, played into a room, watched by a real browser.
import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import type { Page } from 'playwright-core'
import { silentLogger } from '../../src/lib/log.ts'
import { MediaWorkers } from '../../src/media/worker/pool.ts'
import { transcodeWith } from '../../src/room/transcode.ts'
import { launchBrowser } from '../support/browser.ts'
import { encodedClip } from '../support/encoded.ts'
import { LiveClip } from '../support/live-clip.ts'
import { missing } from '../support/peers.ts'
import { until } from '../support/until.ts'
import { type Seen as SeenByPage, viewerPage } from '../support/viewer-page.ts'
import { openEdge } from '../support/webrtc-edge.ts'

const skip = missing('ffmpeg')
const WATCH_MS = 20_000
/** Joining is over after this long: from here on every flash and every beep counts. */
const SETTLED_MS = 3000
/** Between sound and picture, and of the picture's delay at the end over that at the start. */
const MAX_OFFSET_MS = 100
const MAX_GROWTH_MS = 100
/** A machine that stands still this long (ms) spoils what is measured on it: browsers remember one late sound for half a minute. */
const STANDSTILL_MS = 60
const ATTEMPTS = 3

/** Milliseconds after the nearest full second of the clip. */
const delays = (times: readonly number[], startedAt: number): number[] => times.map(time => (time - startedAt) % 1000)
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN

type Seen = SeenByPage & { readonly standstillMs: number }

async function watch (page: Page, url: string, startedAt: number): Promise<Seen> {
  await page.goto(url)
  await until('the middle of a GOP', () => (Date.now() - startedAt) % 2000 > 1000)
  const lag = monitorEventLoopDelay({ resolution: 5 })
  lag.enable()
  await page.evaluate(`watch('/whep/hall')`)
  await sleep(WATCH_MS)
  const seen = await page.evaluate('seen()') as SeenByPage
  lag.disable()
  return { ...seen, standstillMs: lag.max / 1e6 }
}

/** From the time on when joining is over. */
function judge (seen: Seen, startedAt: number): { sight: number[], hearing: number[], offset: number, growth: number } {
  const settled = (times: readonly number[]): number[] => delays(times.filter(time => time > seen.answeredAt + SETTLED_MS), startedAt)
  const [sight, hearing] = [settled(seen.flashes), settled(seen.beeps)]
  return { sight, hearing, offset: median(hearing) - median(sight), growth: median(sight.slice(-5)) - median(sight.slice(0, 5)) }
}

test('a browser that joins between keyframes sees a picture at once, then all of it, in step, without growing delay', { skip, timeout: 180_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
  const clip = await encodedClip(90)
  await using workers = new MediaWorkers({ log: silentLogger })
  await using edge = await openEdge({ page: viewerPage, transcode: transcodeWith(workers), bindAddress: '0.0.0.0' })
  // The first AAC frame only primes the decoder: what it holds belongs before the clip's start.
  const sounds = clip.audio.slice(1).map(frame => ({ ...frame, timestamp: frame.timestamp - clip.audio[1]!.timestamp }))
  const audio = { codec: clip.audioCodec, frames: sounds }
  using live = new LiveClip(await edge.room('hall'), { video: { codec: clip.videoCodec, frames: clip.video }, audio })
  const page = await browser.newPage()
  let seen: Seen
  for (let attempt = 1; ; attempt++) {
    seen = await watch(page, edge.url, live.startedAt)
    const { sight, hearing, offset, growth } = judge(seen, live.startedAt)
    t.diagnostic(`first frame ${Math.round(seen.firstFrameMs!)} ms after the answer; frames ${seen.frames}; sound ${offset} ms after the picture; ` +
      `flash delays ${sight.join(' ')}; beep delays ${hearing.join(' ')}; the machine stood still for ${Math.round(seen.standstillMs)} ms`)
    if (seen.standstillMs < STANDSTILL_MS || attempt === ATTEMPTS || (Math.abs(offset) <= MAX_OFFSET_MS && growth < MAX_GROWTH_MS)) break
    await page.evaluate('leave()')
  }
  assert.ok(seen.firstFrameMs! <= 1000, `first frame after ${seen.firstFrameMs} ms`)
  const { sight, hearing, offset, growth } = judge(seen, live.startedAt)
  const due = Math.floor((WATCH_MS - SETTLED_MS) / 1000)
  assert.ok(Math.abs(sight.length - due) <= 1, `${sight.length} of ${due} flashes`)
  assert.ok(Math.abs(hearing.length - due) <= 1, `${hearing.length} of ${due} beeps`)
  assert.ok(Math.abs(offset) <= MAX_OFFSET_MS, `sound ${offset} ms after the picture`)
  assert.ok(growth < MAX_GROWTH_MS, `the picture’s delay grew by ${growth} ms`)
  assert.ok(median(sight) < 400, `a delay of ${median(sight)} ms`)
  assert.ok(Number(seen.inbound.video!.packetsLost) <= 20, 'a loopback loses next to nothing')

  const session = [...edge.bridge.sessions.values()].find(({ leg }) => leg.kind === 'whep')!
  const { downlink } = session.describe().stats.detail as { downlink: { receivedBitrate: number, lossFraction: number } }
  assert.ok(downlink.receivedBitrate > 1_000_000 && downlink.lossFraction < 0.05, 'the browser reports what arrives')
  assert.equal(await page.evaluate('leave()'), 200)
  await session.done
  assert.equal(session.state, 'ended')
})
