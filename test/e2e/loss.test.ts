// What a person sees and hears when the network loses, delays and reorders packets, and when it is gone for a while.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { after, before, type TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { silentLogger } from '../../src/lib/log.ts'
import { FrameReader } from '../../src/media/frame-reader.ts'
import { sequenceDistance } from '../../src/media/rtp-packet.ts'
import { MediaWorkers } from '../../src/media/worker/pool.ts'
import type { Participant } from '../../src/room/room.ts'
import type { Track } from '../../src/room/track.ts'
import { transcodeWith } from '../../src/room/transcode.ts'
import { LossyNetwork } from '../lossy-network.ts'
import { launchBrowser, type TestBrowser } from '../support/browser.ts'
import { encodedClip } from '../support/encoded.ts'
import { LiveClip } from '../support/live-clip.ts'
import { missing } from '../support/peers.ts'
import { until } from '../support/until.ts'
import { type Seen, viewerPage } from '../support/viewer-page.ts'
import { openEdge } from '../support/webrtc-edge.ts'

const LOSSY_MS = 10_000
const RECOVERY_MS = 5000
const JITTER_MS = 30
/** Shares of the time: in which the sound is there as it was sent, nothing made up in its place; and in which the picture may stand. */
const rows = [
  { loss: 0.01, present: 0.99, frozen: 0.01 },
  { loss: 0.05, present: 0.97, frozen: 0.05 },
  { loss: 0.2, present: 0.8, frozen: 1 }
]

type Conditioned = { readonly loss: number, readonly jitterMs: number }

const setConditions = ({ toPeer, toService }: LossyNetwork, to: Conditioned): void => { for (const direction of [toPeer, toService]) Object.assign(direction, to) }

/** What the page sees and hears before, while and after the network is bad. */
async function throughLoss (page: Page, network: LossyNetwork, conditions: Conditioned): Promise<{ before: Seen, during: Seen, recovered: Seen, after: Seen }> {
  const seen = (): Promise<Seen> => page.evaluate('seen()')
  await sleep(3000)
  const before = await seen()
  setConditions(network, conditions)
  await sleep(LOSSY_MS)
  const during = await seen()
  setConditions(network, { loss: 0, jitterMs: 0 })
  await sleep(RECOVERY_MS)
  const recovered = await seen()
  await sleep(2000)
  return { before, during, recovered, after: await seen() }
}

const grown = (from: Seen, to: Seen, kind: string, figure: string): number => Number(to.inbound[kind]![figure]) - Number(from.inbound[kind]![figure])

function check (t: TestContext, { before, during, recovered, after }: Awaited<ReturnType<typeof throughLoss>>, { present, frozen }: typeof rows[number]): void {
  const concealed = grown(before, during, 'audio', 'concealedMs') / LOSSY_MS
  const silent = grown(before, during, 'audio', 'silentMs') / LOSSY_MS
  const stood = grown(before, during, 'video', 'freezesMs') / LOSSY_MS
  t.diagnostic(`beeps ${during.beeps.length - before.beeps.length} of ${LOSSY_MS / 1000}; sound present ${(1 - concealed).toFixed(3)}, silent ${silent.toFixed(3)}; ` +
    `frozen ${stood.toFixed(3)}; frames ${during.frames - before.frames}, then ${after.frames - recovered.frames} in 2 s; ` +
    `nacks ${grown(before, during, 'video', 'nackCount')}, plis ${grown(before, during, 'video', 'pliCount')}`)
  assert.equal(after.state, 'connected')
  assert.ok(1 - concealed >= present, `sound present ${1 - concealed}`)
  assert.ok(stood <= frozen, `frozen ${stood}`)
  assert.ok(after.frames - recovered.frames > 50, `${after.frames - recovered.frames} frames in 2 s after recovery`)
  assert.ok(after.beeps.at(-1)! > recovered.beeps.at(-1)!, 'beeps again')
}

let browser: TestBrowser | undefined
before(async () => { browser = await launchBrowser() })
after(() => browser?.[Symbol.asyncDispose]())

test('a viewer behind loss in both directions, with jitter: sound stays, the picture comes back', { skip: missing('ffmpeg'), timeout: 180_000 }, async t => {
  if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
  const clip = await encodedClip(90, { size: '320x180', bitrate: 300_000 })
  await using workers = new MediaWorkers({ log: silentLogger })
  let network: LossyNetwork | undefined
  await using edge = await openEdge({ page: viewerPage, transcode: transcodeWith(workers), bindAddress: '0.0.0.0', answer: sdp => network!.answer(sdp) })
  using _live = new LiveClip(await edge.room('hall'), { video: { codec: clip.videoCodec, frames: clip.video }, audio: { codec: clip.audioCodec, frames: clip.audio } })
  for (const row of rows) {
    await t.test(`${row.loss * 100} %`, async t => {
      await using opened = await LossyNetwork.open(edge.transports.port, {}, 7)
      network = opened
      const page = await browser!.newPage()
      await page.goto(edge.url)
      await page.evaluate(`watch('/whep/hall')`)
      const figures = await throughLoss(page, network, { loss: row.loss, jitterMs: JITTER_MS })
      check(t, figures, row)
      await page.evaluate('leave()')
      await page.close()
    })
  }
})

/** What of a publisher's streams reaches the room: sound by its numbers, pictures as a recorder would read them. */
class RoomEar implements Disposable {
  frames = 0
  readonly #video: FrameReader
  readonly #numbers = new Set<number>()
  readonly #stack = new DisposableStack()

  constructor (publisher: Participant) {
    const track = (kind: string): Track => publisher.tracks.values().find(({ codec }) => codec.kind === kind)!
    const fail = (error: unknown): never => { throw error }
    this.#video = new FrameReader(track('video').codec, { frame: () => { this.frames++ } })
    this.#stack.use(track('video').subscribe({ write: packet => this.#video.push(packet), fail }))
    this.#stack.use(track('audio').subscribe({ write: ({ sequenceNumber }) => { this.#numbers.add(sequenceNumber) }, fail }))
  }

  get undecodable (): number { return this.#video.undecodableFrames }

  /** The share of the sound that is there, and how much that is, since the last call. */
  heard (): { share: number, packets: number } {
    const numbers = [...this.#numbers]
    this.#numbers.clear()
    const ahead = numbers.map(number => sequenceDistance(number, numbers[0]!))
    const due = Math.max(...ahead) - Math.min(...ahead) + 1
    return { share: numbers.length / due, packets: numbers.length }
  }

  [Symbol.dispose] (): void { this.#stack.dispose() }
}

test('a publisher behind loss in both directions, with jitter: the room gets the sound whole, and the picture again', { timeout: 120_000 }, async t => {
  if (!browser) { assert.ok(!process.env.CI, 'a browser is needed'); t.skip('needs a browser: npm ci, or apt-get install chromium'); return }
  let network: LossyNetwork | undefined
  await using edge = await openEdge({ page: viewerPage, bindAddress: '0.0.0.0', answer: sdp => network!.answer(sdp) })
  for (const row of rows) {
    await t.test(`${row.loss * 100} %`, async t => {
      await using opened = await LossyNetwork.open(edge.transports.port, {}, 7)
      network = opened
      const page = await browser!.newPage()
      await page.goto(edge.url)
      await page.evaluate(`publish('/whip/hall?identity=ann', 'H264')`)
      await until('both streams are in the room', () => edge.bridge.room('hall')?.find('ann')?.tracks.size === 2)
      using ear = new RoomEar(edge.bridge.room('hall')!.find('ann')!)
      await until('a picture', () => ear.frames > 0)
      setConditions(network, { loss: row.loss, jitterMs: JITTER_MS })
      ear.heard()
      const [framesBefore, undecodableBefore] = [ear.frames, ear.undecodable] // Pictures before the first keyframe are not lost.
      await sleep(LOSSY_MS)
      const { share, packets } = ear.heard()
      const lost = ear.undecodable - undecodableBefore
      const undecodable = lost / (lost + ear.frames - framesBefore)
      setConditions(network, { loss: 0, jitterMs: 0 })
      await sleep(RECOVERY_MS)
      const framesRecovered = ear.frames
      ear.heard()
      await until('pictures again', () => ear.frames - framesRecovered > 10)
      const whip = [...edge.bridge.sessions.values()].find(({ leg }) => leg.kind === 'whip')!
      const { audio } = whip.describe().stats.detail as { audio: { lost: number, restored: number } }
      t.diagnostic(`dropped ${JSON.stringify(network.dropped)}; sound ${packets} packets, present ${share.toFixed(3)}: ${audio.restored} restored, ${audio.lost} lost; ` +
        `${framesRecovered - framesBefore} pictures, ${undecodable.toFixed(3)} lost`)
      assert.ok(packets > LOSSY_MS / 20 / 2, `${packets} packets of sound`)
      assert.ok(share >= row.present, `sound present ${share}`)
      assert.ok(undecodable <= row.frozen, `${undecodable} of the pictures lost`)
      assert.ok(audio.restored > 0, 'what was lost came again with the next')
      assert.equal(ear.heard().share, 1)
      await page.evaluate('leave()')
      await page.close()
    })
  }
})
