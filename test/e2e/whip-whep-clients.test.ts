// Two services of ours connected by our own WHIP and WHEP clients: what is published on one is seen, heard and recorded on the other.
import assert from 'node:assert/strict'
import test from 'node:test'
import { WhepPullLeg } from '../../src/legs/webrtc/client/whep-pull-leg.ts'
import { WhipPushLeg } from '../../src/legs/webrtc/client/whip-push-leg.ts'
import { silentLogger } from '../../src/lib/log.ts'
import { MediaWorkers } from '../../src/media/worker/pool.ts'
import { transcodeWith } from '../../src/room/transcode.ts'
import { soundOffsets } from '../support/content.ts'
import { encodedClip } from '../support/encoded.ts'
import { LiveClip } from '../support/live-clip.ts'
import { missing } from '../support/peers.ts'
import { recorded } from '../support/recorded.ts'
import { until } from '../support/until.ts'
import { allowing, clientOf, guardedDialer } from '../support/webrtc-clients.ts'
import { openEdge } from '../support/webrtc-edge.ts'

const RECORD_MS = 8000
/** Seconds by which sound and picture may differ after a hop: two pictures of the clip. */
const MAX_OFFSET_S = 0.07

test('push by WHIP, pull by WHEP: flashes and beeps arrive in step, over two hops', { skip: missing('ffmpeg'), timeout: 120_000 }, async t => {
  const clip = await encodedClip(60, { size: '320x180', bitrate: 300_000 })
  await using workers = new MediaWorkers({ log: silentLogger })
  await using near = await openEdge({ transcode: transcodeWith(workers) })
  await using far = await openEdge()
  await using third = await openEdge()
  await using dialer = guardedDialer(allowing(far.url))
  using _live = new LiveClip(await near.room('hall'), { video: { codec: clip.videoCodec, frames: clip.video }, audio: { codec: clip.audioCodec, frames: clip.audio } })
  const push = new WhipPushLeg({ ...clientOf(near, dialer, { url: `${far.url}/whip/hall?identity=near` }), transcode: transcodeWith(workers) })
  const pushing = await near.bridge.admit(push, { room: 'hall' })
  await until('the push is live', () => pushing.state === 'active')
  const pull = new WhepPullLeg({ ...clientOf(third, dialer, { url: `${far.url}/whep/hall?participant=near` }), identity: 'far' })
  const pulling = await third.bridge.admit(pull, { room: 'hall' })
  await until('the pull is live', () => pulling.state === 'active')
  const [once, twice] = await Promise.all([recorded(far, 'near', RECORD_MS), recorded(third, 'far', RECORD_MS)])
  for (const [hops, content] of [once, twice].entries()) {
    const offsets = soundOffsets(content).slice(1) // The file may begin in the middle of a flash.
    t.diagnostic(`${hops + 1} hops: ${content.frames} frames, ${content.flashes.length} flashes, ${content.beeps.length} beeps, sound after picture ${offsets.map(s => Math.round(s * 1000)).join(', ')} ms`)
    assert.ok(content.flashes.length >= 6 && offsets.length >= 6, `${hops + 1} hops: ${content.flashes.length} flashes with ${offsets.length} beeps`)
    assert.ok(offsets.every(offset => Math.abs(offset) < MAX_OFFSET_S), String(offsets))
  }
  await Promise.all([pushing.close('enough'), pulling.close('enough')])
  await until('the servers’ sessions ended', () => ![...far.bridge.sessions.values()].some(({ leg }) => leg.kind === 'whip' || leg.kind === 'whep'))
})
