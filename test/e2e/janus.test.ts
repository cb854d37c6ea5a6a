// Another media server as the other end of our clients: we publish into a Janus videoroom by WHIP and fetch it from there by WHEP.
// What Janus itself received is seen by its RTP forwarder, read by ffmpeg.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { WhepPullLeg } from '../../src/legs/webrtc/client/whep-pull-leg.ts'
import { WhipPushLeg } from '../../src/legs/webrtc/client/whip-push-leg.ts'
import { silentLogger } from '../../src/lib/log.ts'
import { MediaWorkers } from '../../src/media/worker/pool.ts'
import { transcodeWith } from '../../src/room/transcode.ts'
import { analyse, type Content, soundOffsets } from '../support/content.ts'
import { encodedClip } from '../support/encoded.ts'
import { ffmpeg } from '../support/ffmpeg.ts'
import { type Janus, startJanus } from '../support/janus.ts'
import { openJanusEndpoints } from '../support/janus-endpoints.ts'
import { LiveClip } from '../support/live-clip.ts'
import { missing } from '../support/peers.ts'
import { recorded } from '../support/recorded.ts'
import { until } from '../support/until.ts'
import { allowing, clientOf, guardedDialer } from '../support/webrtc-clients.ts'
import { openEdge } from '../support/webrtc-edge.ts'

const ROOM = 1
const WATCH_MS = 8000
/** Seconds by which sound and picture may differ after the way through Janus: two pictures of the clip. */
const MAX_OFFSET_S = 0.07
/** Of a flash or beep against the one before: a machine that stands still delays what is transcoded on it. */
const MAX_JITTER_S = 0.15
/** Janus sends and receives media on all interfaces but loopback. */
const ownAddresses = Object.values(networkInterfaces()).flatMap(addresses => addresses?.map(({ address }) => address) ?? [])

test('by WHIP into Janus, by WHEP out of it: flashes and beeps arrive, in step', { skip: missing('ffmpeg', 'janus'), timeout: 180_000 }, async t => {
  const clip = await encodedClip(90, { size: '320x180', bitrate: 300_000 })
  await using janus = await startJanus()
  await using admin = await janus.attach()
  await admin.request({ request: 'create', room: ROOM, publishers: 1, videocodec: 'h264', audiocodec: 'opus' })
  await using endpoints = await openJanusEndpoints(janus)
  await using workers = new MediaWorkers({ log: silentLogger })
  await using near = await openEdge({ transcode: transcodeWith(workers), bindAddress: '0.0.0.0' })
  await using far = await openEdge({ bindAddress: '0.0.0.0' })
  await using dialer = guardedDialer({ ...allowing(endpoints.url), allowPrivate: ownAddresses })
  using _live = new LiveClip(await near.room('hall'), { video: { codec: clip.videoCodec, frames: clip.video }, audio: { codec: clip.audioCodec, frames: clip.audio } })
  const push = new WhipPushLeg({ ...clientOf(near, dialer, { url: `${endpoints.url}/whip/${ROOM}` }), transcode: transcodeWith(workers) })
  const pushing = await near.bridge.admit(push, { room: 'hall' })
  await until('the push is live', () => pushing.state === 'active')

  const forwarded = await inside(janus)
  t.diagnostic(`Janus got ${describe(forwarded)}`)
  check(forwarded)

  const pull = new WhepPullLeg({ ...clientOf(far, dialer, { url: `${endpoints.url}/whep/${ROOM}` }), identity: 'janus' })
  const pulling = await far.bridge.admit(pull, { room: 'hall' })
  await until('the pull is live', () => pulling.state === 'active')
  await until('picture and sound', () => far.bridge.room('hall')?.find('janus')?.tracks.size === 2)
  const fetched = await recorded(far, 'janus', WATCH_MS)
  const offsets = soundOffsets(fetched).slice(1) // The file may begin in the middle of a flash.
  t.diagnostic(`fetched ${describe(fetched)}, sound after picture ${offsets.map(s => Math.round(s * 1000)).join(', ')} ms`)
  check(fetched)
  assert.ok(offsets.length >= 4 && offsets.every(offset => Math.abs(offset) < MAX_OFFSET_S), String(offsets))

  await Promise.all([pushing.close('enough'), pulling.close('enough')])
  await until('Janus was told', () => endpoints.sessions === 0)
  assert.deepEqual([near.transports.transports, far.transports.transports], [0, 0])
})

/** What Janus forwards of what it receives, for a while: written by ffmpeg as it comes, and looked at. */
async function inside (janus: Janus): Promise<Content> {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-forwarded-'))
  await using _folder = { async [Symbol.asyncDispose] () { await rm(folder, { recursive: true }) } }
  await using handle = await janus.attach()
  const { data: { participants: [publisher] } } = await handle.request({ request: 'listparticipants', room: ROOM })
  const [audio, video] = [await udpPorts(), await udpPorts()]
  const [description, file] = [path.join(folder, 'forwarded.sdp'), path.join(folder, 'forwarded.mkv')]
  await writeFile(description, ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0',
    `m=audio ${audio} RTP/AVP 111`, 'a=rtpmap:111 opus/48000/2', `m=video ${video} RTP/AVP 96`, 'a=rtpmap:96 H264/90000', 'a=fmtp:96 packetization-mode=1', ''].join('\n'))
  await using reader = ffmpeg('-protocol_whitelist', 'file,udp,rtp', '-i', description, '-c', 'copy', file)
  await handle.request({
    request: 'rtp_forward', room: ROOM, publisher_id: publisher.id, host: '127.0.0.1',
    streams: [{ mid: 'audio', port: audio, pt: 111 }, { mid: 'video', port: video, pt: 96 }]
  })
  await sleep(WATCH_MS)
  await reader.stop()
  return await analyse(file)
}

/** A free UDP port, the next one of which is free as well: for RTP and RTCP. */
async function udpPorts (): Promise<number> {
  for (;;) {
    const [rtp, rtcp] = [createSocket('udp4'), createSocket('udp4')]
    try {
      rtp.bind(0, '127.0.0.1')
      await once(rtp, 'listening')
      const { port } = rtp.address()
      rtcp.bind(port + 1, '127.0.0.1')
      await once(rtcp, 'listening')
      return port
    } catch {
      // Somebody has the next one: another pair.
    } finally {
      rtp.close()
      rtcp.close()
    }
  }
}

const describe = ({ frames, flashes, beeps, durationS }: Content): string => `${frames} frames, ${flashes.length} flashes, ${beeps.length} beeps in ${durationS.toFixed(1)} s`

function check ({ frames, flashes, beeps, durationS }: Content): void {
  assert.ok(durationS > WATCH_MS / 1000 - 4, `${durationS} s`)
  assert.ok(frames > (durationS - 2.5) * 30, `${frames} frames in ${durationS} s`) // The first picture waits for a keyframe.
  for (const times of [flashes, beeps]) {
    const apart = times.slice(1).map((at, index) => at - times[index]!)
    assert.ok(times.length >= durationS - 3 && apart.every(seconds => Math.abs(seconds - 1) < MAX_JITTER_S), `at ${times.join(' ')}`)
  }
}
