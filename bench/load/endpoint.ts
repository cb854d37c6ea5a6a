import { createSocket } from 'node:dgram'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRtcp } from '../../src/media/rtcp/compound.ts'
import { RtpPacket } from '../../src/media/rtp-packet.ts'
import { ExtensionUri } from '../../src/protocols/webrtc/sdp-types.ts'
import { RawPeer, type RawSection } from '../../test/support/raw-peer.ts'
import { CountingViewer } from './counting-viewer.ts'
import { type JanusEndpoint, watchJanus } from './janus-client.ts'
import { PacedVideo } from './paced-video.ts'

/** A room that is published to by WHIP and watched by WHEP. */
export type HttpEndpoint = { readonly kind: 'http', readonly whip: string, readonly whep: string, readonly headers: Readonly<Record<string, string>> }
export type Endpoint = HttpEndpoint | JanusEndpoint

const PAYLOAD_TYPE = 96
const NUMBER_ID = 5
const HEAR_MS = 5

const video: RawSection = {
  mid: '0',
  lines: [
    `m=video 9 UDP/TLS/RTP/SAVPF ${PAYLOAD_TYPE} 97`, `a=rtpmap:${PAYLOAD_TYPE} H264/90000`, `a=fmtp:${PAYLOAD_TYPE} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f`,
    ...['nack', 'nack pli', 'ccm fir', 'transport-cc'].map(feedback => `a=rtcp-fb:${PAYLOAD_TYPE} ${feedback}`), 'a=rtpmap:97 rtx/90000', `a=fmtp:97 apt=${PAYLOAD_TYPE}`,
    `a=extmap:${NUMBER_ID} ${ExtensionUri.transportCc}`
  ]
}
/** Browsers that watch offer both, whatever there is. */
const audio: RawSection = { mid: '1', lines: ['m=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=rtpmap:111 opus/48000/2', 'a=fmtp:111 minptime=10;useinbandfec=1', 'a=rtcp-fb:111 transport-cc', `a=extmap:${NUMBER_ID} ${ExtensionUri.transportCc}`] }
/** Janus counts no arrivals of its viewers. */
const withoutNumbers: RawSection = { ...video, lines: video.lines.filter(line => !/transport-cc|extmap/.test(line)) }

/** A connection, and the URL of the session it belongs to. */
export type Connected = { readonly peer: RawPeer, readonly session: string }

/** Publishes or watches where an offer is posted to. @param prepared called before anything can come, and before anybody is asked */
export async function connect (url: string, headers: HttpEndpoint['headers'], direction: 'sendonly' | 'recvonly', prepared: (peer: RawPeer) => void = () => {}): Promise<Connected> {
  const peer = await RawPeer.create(direction, direction === 'sendonly' ? [video] : [video, audio])
  prepared(peer)
  const response = await fetch(url, { method: 'POST', headers: { ...headers, 'content-type': 'application/sdp' }, body: peer.offer })
  const answer = await response.text()
  if (response.status !== 201) throw new Error(`${url}: ${response.status} ${answer}`)
  await peer.accept(answer)
  return { peer, session: new URL(response.headers.get('location') ?? '', url).href }
}

export async function publish (endpoint: Endpoint, rate: number, packetBytes: number): Promise<PacedVideo> {
  if (endpoint.kind === 'janus') return publishPlainly(endpoint, rate, packetBytes)
  const { peer } = await connect(endpoint.whip, endpoint.headers, 'sendonly')
  return streamOver(peer, rate, packetBytes)
}

/** A stream that answers requests for a picture. */
export function streamOver (peer: RawPeer, rate: number, packetBytes: number): PacedVideo {
  const hearing = setInterval(() => stream.hear(peer.reports.splice(0)), HEAR_MS)
  const stream = new PacedVideo(rate, { payloadType: PAYLOAD_TYPE, numberId: NUMBER_ID, packetBytes, send: bytes => peer.send(new RtpPacket(bytes)), stopped: () => clearInterval(hearing) })
  return stream
}

async function publishPlainly ({ rtpPort }: JanusEndpoint, rate: number, packetBytes: number): Promise<PacedVideo> {
  const socket = createSocket('udp4')
  await new Promise<void>(resolve => { socket.connect(rtpPort, '127.0.0.1', resolve) })
  return new PacedVideo(rate, { payloadType: PAYLOAD_TYPE, packetBytes, send: bytes => { if (!isRtcp(bytes)) socket.send(Buffer.from(bytes)) } }) // Read after `send` returns.
}

/** @returns a viewer that is connected */
export async function watch (endpoint: Endpoint): Promise<CountingViewer> {
  if (endpoint.kind === 'janus') return watchMountpoint(endpoint)
  const viewer = Promise.withResolvers<CountingViewer>()
  await connect(endpoint.whep, endpoint.headers, 'recvonly', peer => viewer.resolve(viewerOver(peer)))
  return viewer.promise
}

export const viewerOver = (peer: RawPeer): CountingViewer => new CountingViewer(peer, PAYLOAD_TYPE, NUMBER_ID)

async function watchMountpoint (endpoint: JanusEndpoint): Promise<CountingViewer> {
  const connecting = Promise.withResolvers<RawPeer>()
  await watchJanus(endpoint, async offer => {
    const { peer, answer } = await RawPeer.answering(offer, [withoutNumbers], endpoint.address)
    connecting.resolve(peer)
    return answer
  })
  const peer = await connecting.promise
  const viewer = new CountingViewer(peer, PAYLOAD_TYPE)
  await peer.connected()
  return viewer
}

/** @returns viewers, so many at a time */
export async function watchMany (endpoint: Endpoint, count: number, atOnce: number): Promise<CountingViewer[]> {
  const viewers: CountingViewer[] = []
  while (viewers.length < count) {
    viewers.push(...await Promise.all(Array.from({ length: Math.min(atOnce, count - viewers.length) }, () => watch(endpoint))))
    await sleep(1)
  }
  return viewers
}
