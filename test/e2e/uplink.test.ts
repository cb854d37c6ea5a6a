// A publisher behind a narrow way to us: it is told what arrives, sends what fits, and its sound does not suffer.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { sequenceDistance } from '../../src/media/rtp-packet.ts'
import type { Track } from '../../src/room/track.ts'
import { LossyNetwork } from '../lossy-network.ts'
import { launchBrowser } from '../support/browser.ts'
import { until } from '../support/until.ts'
import { viewerPage } from '../support/viewer-page.ts'
import { openEdge } from '../support/webrtc-edge.ts'

const NARROW = 500_000
/** What it would send if it could. */
const WIDE = 1_500_000
const SETTLES_WITHIN_MS = 30_000
const WATCHED_MS = 15_000
const RAMPS_UP_WITHIN_MS = 90_000
/** Of what is sent, while it is known what fits. */
const MAX_LOSS = 0.03

/** What of a sound reaches the room. */
class Ear implements Disposable {
  readonly #numbers = new Set<number>()
  readonly #subscription: Disposable

  constructor (track: Track) {
    this.#subscription = track.subscribe({ write: ({ sequenceNumber }) => { this.#numbers.add(sequenceNumber) }, fail: error => { throw error } })
  }

  /** The share of it that is there, since the last call. */
  heard (): number {
    const numbers = [...this.#numbers]
    this.#numbers.clear()
    const ahead = numbers.map(number => sequenceDistance(number, numbers[0]!))
    return numbers.length / (Math.max(...ahead) - Math.min(...ahead) + 1)
  }

  [Symbol.dispose] (): void { this.#subscription[Symbol.dispose]() }
}

test('a browser behind 500 kbit/s settles below that, and uses more when there is more', { timeout: 300_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
  let network: LossyNetwork | undefined
  await using edge = await openEdge({ page: viewerPage, bindAddress: '0.0.0.0', answer: sdp => network!.answer(sdp) })
  await using opened = network = await LossyNetwork.open(edge.transports.port)
  const page = await browser.newPage()
  await page.goto(edge.url)
  await page.evaluate(`publish('/whip/hall?identity=ann', 'VP8', [{ maxBitrate: ${WIDE} }])`)
  const track = (kind: string) => edge.bridge.room('hall')!.find('ann')!.tracks.values().find(({ codec }) => codec.kind === kind)
  await until('both streams', () => track('video') !== undefined && track('audio') !== undefined)
  const picture = track('video')!
  using ear = new Ear(track('audio')!)
  /** bit/s over so many ms, and the share of packets that the path dropped meanwhile. */
  const watch = async (ms: number) => {
    const before = { bytes: picture.bytes, dropped: opened.dropped.toService, packets: picture.packets }
    const from = performance.now()
    await sleep(ms)
    const dropped = opened.dropped.toService - before.dropped
    return { bitrate: (picture.bytes - before.bytes) * 8000 / (performance.now() - from), loss: dropped / Math.max(1, dropped + picture.packets - before.packets) }
  }
  const reaches = (bitrate: number) => async (): Promise<boolean> => (await watch(1000)).bitrate > bitrate
  await until('a good picture', reaches(WIDE * 0.6), RAMPS_UP_WITHIN_MS)

  ear.heard()
  opened.toService.bitrate = NARROW
  const narrowed = performance.now()
  let now = await watch(1000)
  for (; now.bitrate > NARROW || now.loss > 0; now = await watch(1000)) assert.ok(performance.now() - narrowed < SETTLES_WITHIN_MS, `still ${JSON.stringify(now)}`)
  t.diagnostic(`below ${NARROW} bit/s and without loss after ${Math.round(performance.now() - narrowed)} ms; sound present meanwhile ${ear.heard().toFixed(3)}`)
  const settled = await watch(WATCHED_MS)
  const heard = ear.heard()
  t.diagnostic(`settled at ${Math.round(settled.bitrate)} bit/s, ${settled.loss.toFixed(4)} lost; sound present ${heard.toFixed(3)}`)
  assert.ok(settled.bitrate < NARROW && settled.bitrate > NARROW * 0.3, `${settled.bitrate} bit/s`)
  assert.ok(settled.loss < MAX_LOSS, `${settled.loss} lost`)
  assert.ok(heard >= 0.98, `sound present ${heard}`)

  opened.toService.bitrate = Infinity
  const widened = performance.now()
  await until('more', reaches(NARROW * 1.5), RAMPS_UP_WITHIN_MS)
  t.diagnostic(`more than ${NARROW * 1.5} bit/s ${Math.round(performance.now() - widened)} ms after the path widened`)
  assert.ok(ear.heard() >= 0.98)
})
