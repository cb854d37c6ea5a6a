// H.265 from a real encoder through a room to a real decoder and into a file, untouched. Only the transport is ours on both sides:
// ffmpeg makes the RTP packets, GStreamer reads them.
import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { RtpPacket } from '../../src/media/rtp-packet.ts'
import { analyse } from '../support/content.ts'
import { ffmpeg, ffprobe, Program, testClip } from '../support/ffmpeg.ts'
import { missing } from '../support/peers.ts'
import { RawPeer, type RawSection } from '../support/raw-peer.ts'
import { freePort, type Service, startService, waitUntil } from '../support/service.ts'
import { until } from '../support/until.ts'

const PLAY_S = 8
const WATCH_MS = 5000
const PAYLOAD_TYPE = 96
const sections: RawSection[] = [{ mid: 'v', lines: [
  `m=video 9 UDP/TLS/RTP/SAVPF ${PAYLOAD_TYPE}`, `a=rtpmap:${PAYLOAD_TYPE} H265/90000`, `a=fmtp:${PAYLOAD_TYPE} level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST`,
  `a=rtcp-fb:${PAYLOAD_TYPE} nack pli`
] }]

async function negotiate (service: Service, peer: RawPeer, path: string): Promise<void> {
  const headers = { 'content-type': 'application/sdp', 'X-AuraLink-API-Key': service.apiKey }
  const response = await fetch(service.url + path, { method: 'POST', headers, body: peer.offer })
  const answer = await response.text()
  assert.equal(response.status, 201, answer)
  assert.match(answer, /a=rtpmap:96 H265\/90000/)
  await peer.accept(answer)
}

async function udpSocket (): Promise<Socket & AsyncDisposable> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return Object.assign(socket, { async [Symbol.asyncDispose] () { socket.close() } })
}

/** The test clip, encoded as it plays, as RTP to a port here. */
async function encoder (port: number): Promise<Program> {
  const clip = await testClip(PLAY_S, { size: '640x360', bitrate: 800_000 })
  return ffmpeg('-re', '-i', clip, '-an', '-c:v', 'libx265', '-preset', 'ultrafast', '-tune', 'zerolatency', '-b:v', '600k',
    '-x265-params', 'keyint=30:min-keyint=30:scenecut=0:repeat-headers=1:log-level=none', '-f', 'rtp', '-payload_type', String(PAYLOAD_TYPE), `rtp://127.0.0.1:${port}?pkt_size=1200`)
}

test('H.265: ffmpeg publishes, GStreamer watches, the recording holds what came', { skip: missing('ffmpeg', 'gst-launch-1.0'), timeout: 120_000 }, async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-h265-'))
  t.after(() => rm(folder, { recursive: true }))
  await using service = await startService()
  await using publisher = await RawPeer.create('sendonly', sections)
  await negotiate(service, publisher, '/whip/hall?identity=ann')
  await using socket = await udpSocket()
  let sent = 0
  socket.on('message', bytes => {
    publisher.send(RtpPacket.parse(bytes))
    sent++
  })
  await using encoding = await encoder(socket.address().port)
  await until('pictures', () => sent > 0)
  const recording = await service.call('POST', '/api/v1/recordings', { room: 'hall' })

  const port = await freePort()
  const watched = path.join(folder, 'watched.mkv')
  await using player = new Program('gst-launch-1.0', ['-e', '-q', 'udpsrc', `port=${port}`, 'address=127.0.0.1', 'buffer-size=4000000',
    `caps=application/x-rtp,media=video,encoding-name=H265,clock-rate=90000,payload=${PAYLOAD_TYPE}`, '!', 'rtph265depay', '!', 'h265parse', '!', 'matroskamux', '!', 'filesink', `location=${watched}`])
  await using viewer = await RawPeer.create('recvonly', sections)
  let received = 0
  viewer.onPacket = ({ bytes }) => {
    socket.send(bytes, port, '127.0.0.1')
    received++
  }
  await negotiate(service, viewer, '/whep/hall')
  await sleep(WATCH_MS)
  await player.stop()
  const seen = await analyse(watched)
  t.diagnostic(`${sent} packets sent, ${received} received; GStreamer saw ${seen.frames} pictures, ${seen.flashes.length} flashes in ${seen.durationS.toFixed(1)} s`)
  assert.ok(seen.durationS > WATCH_MS / 1000 - 2 && seen.frames > (seen.durationS - 0.5) * 30 * 0.9, `${seen.frames} pictures in ${seen.durationS} s`)
  assert.ok(Math.abs(seen.flashes.length - seen.durationS) <= 1.2, `${seen.flashes.length} flashes`)

  assert.equal(await encoding.done, 0)
  await service.call('POST', `/api/v1/recordings/${recording.id}/stop`)
  await waitUntil('the recording is finished', 20_000, async () => (await service.call('GET', `/api/v1/recordings/${recording.id}`)).state === 'completed')
  const info = await service.call('GET', `/api/v1/recordings/${recording.id}`)
  assert.deepEqual(info.parts[0].tracks, [{ kind: 'video', codec: 'H265', width: 640, height: 360, clockRate: 90_000 }])
  const file = path.join(folder, 'hall.mp4')
  const answer = await fetch(`${service.url}/api/v1/recordings/${recording.id}/file`, { headers: { 'X-AuraLink-API-Key': service.apiKey } })
  await writeFile(file, Buffer.from(await answer.arrayBuffer()))
  const probe = await ffprobe('-v', 'warning', '-show_entries', 'stream=codec_name,codec_tag_string,width,height,profile', '-of', 'json', file)
  assert.deepEqual(JSON.parse(await probe.succeeded()).streams, [{ codec_name: 'hevc', codec_tag_string: 'hvc1', profile: 'Main', width: 640, height: 360 }])
  assert.equal(probe.stderr, '', 'ffprobe finds nothing to say about it')
  await ffmpeg('-xerror', '-i', file, '-f', 'null', '-').succeeded()
  const recorded = await analyse(file)
  t.diagnostic(`recorded ${recorded.durationS.toFixed(2)} s, ${recorded.frames} pictures, flashes at ${recorded.flashes.join(' ')}`)
  assert.ok(recorded.frames > (PLAY_S - 3) * 30 && recorded.frames >= Math.floor(recorded.durationS * 30) - 1, `${recorded.frames} pictures in ${recorded.durationS} s`)
  const apart = recorded.flashes.slice(1).map((at, index) => at - recorded.flashes[index]!)
  assert.ok(apart.length >= PLAY_S - 4 && apart.every(seconds => Math.abs(seconds - 1) < 0.02), `flashes ${apart.join(' ')} s apart`)
})
