// What a person sees and hears when the network loses, delays and reorders packets, and when it is gone for a while.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { silentLogger } from '../../src/lib/log.ts'
import { MediaWorkers } from '../../src/media/worker/pool.ts'
import { transcodeWith } from '../../src/room/transcode.ts'
import { LossyNetwork } from '../lossy-network.ts'
import { launchBrowser } from '../support/browser.ts'
import { encodedClip } from '../support/encoded.ts'
import { LiveClip } from '../support/live-clip.ts'
import { missing } from '../support/peers.ts'
import { type Seen, viewerPage } from '../support/viewer-page.ts'
import { openEdge } from '../support/webrtc-edge.ts'

const LOSSY_MS = 10_000
const RECOVERY_MS = 5000
const JITTER_MS = 30
const rows = [
  { loss: 0.01, audible: 0.99, frozen: 0.01 },
  { loss: 0.05, audible: 0.97, frozen: 0.05 },
  { loss: 0.2, audible: 0.8, frozen: 1 }
]

test('loss in both directions, with jitter: sound stays, the picture comes back', { skip: missing('ffmpeg'), timeout: 180_000 }, async t => {
  await using browser = await launchBrowser()
  if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
  const clip = await encodedClip(90, { size: '320x180', bitrate: 300_000 })
  await using workers = new MediaWorkers({ log: silentLogger })
  let network: LossyNetwork | undefined
  await using edge = await openEdge({ page: viewerPage, transcode: transcodeWith(workers), bindAddress: '0.0.0.0', answer: sdp => network!.answer(sdp) })
  using live = new LiveClip(await edge.room('hall'), { video: { codec: clip.videoCodec, frames: clip.video }, audio: { codec: clip.audioCodec, frames: clip.audio } })
  for (const { loss, audible, frozen } of rows) {
    await t.test(`${loss * 100} %`, async t => {
      const conditions = { loss, jitterMs: JITTER_MS }
      await using opened = await LossyNetwork.open(edge.transports.port, {}, 7)
      network = opened
      const page = await browser.newPage()
      await page.goto(edge.url)
      await page.evaluate(`watch('/whep/hall')`)
      await sleep(3000)
      const before = await page.evaluate('seen()') as Seen
      Object.assign(network.toPeer, conditions)
      Object.assign(network.toService, conditions)
      await sleep(LOSSY_MS)
      const during = await page.evaluate('seen()') as Seen
      Object.assign(network.toPeer, { loss: 0, jitterMs: 0 })
      Object.assign(network.toService, { loss: 0, jitterMs: 0 })
      await sleep(RECOVERY_MS)
      const recovered = await page.evaluate('seen()') as Seen
      await sleep(2000)
      const after = await page.evaluate('seen()') as Seen
      const grown = (kind: string, figure: string, from = before, to = during): number => Number(to.inbound[kind]![figure]) - Number(from.inbound[kind]![figure])
      const heard = 1 - grown('audio', 'silentMs') / LOSSY_MS
      const stood = grown('video', 'freezesMs') / LOSSY_MS
      t.diagnostic(`dropped ${JSON.stringify(network.dropped)}; beeps ${during.beeps.length - before.beeps.length} of ${LOSSY_MS / 1000}; ` +
        `audible ${heard.toFixed(3)}, concealed ${(grown('audio', 'concealedMs') / LOSSY_MS).toFixed(3)}; frozen ${stood.toFixed(3)}; ` +
        `frames ${during.frames - before.frames}, then ${after.frames - recovered.frames} in 2 s; nacks ${grown('video', 'nackCount')}, plis ${grown('video', 'pliCount')}`)
      assert.equal(after.state, 'connected')
      assert.ok(heard >= audible, `audible ${heard}`)
      assert.ok(stood <= frozen, `frozen ${stood}`)
      assert.ok(after.frames - recovered.frames > 50, `${after.frames - recovered.frames} frames in 2 s after recovery`)
      assert.ok(after.beeps.at(-1)! > recovered.beeps.at(-1)!, 'beeps again')
      await page.evaluate('leave()')
      await page.close()
    })
  }
  void live
})
