// The least that forwarding over node-datachannel costs: whoever posts an offer to /publish sends, whoever posts one to /watch gets
// each packet with an SSRC and a sequence number of its own. No RTCP, no retransmissions, nothing counted.
import nodeDataChannel, { type PeerConnection, type Track } from 'node-datachannel'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isRtcp } from '../../src/media/rtcp/compound.ts'
import { parseOffer } from '../../src/protocols/webrtc/sdp-offer.ts'

const port = await freePort()
const config = { iceServers: [], disableAutoNegotiation: true, bindAddress: '127.0.0.1', enableIceUdpMux: true, portRangeBegin: port, portRangeEnd: port }
/** A connection or track that nobody holds is collected, and closes itself. */
const held: unknown[] = []
const viewers: { track: Track, ssrc: number, offset: number }[] = []

/** All connections share one port, as ours do. */
async function freePort (): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const found = socket.address().port
  socket.close()
  await once(socket, 'close')
  return found
}

function forward (bytes: Buffer): void {
  if (isRtcp(bytes)) return
  const sequence = bytes.readUInt16BE(2)
  for (const { track, ssrc, offset } of viewers) {
    bytes.writeUInt16BE((sequence + offset) & 0xffff, 2)
    bytes.writeUInt32BE(ssrc, 8)
    if (track.isOpen()) track.sendMessageBinary(bytes)
  }
}

/** The library is told of one section, over which it carries packets of any source. */
function accept (sdp: string, take: (track: Track) => void): PeerConnection {
  const { transport: { ufrag, pwd, fingerprint } } = parseOffer(sdp)
  const connection = new nodeDataChannel.PeerConnection('peer', config)
  connection.onStateChange(() => {})
  connection.onTrack(track => { held.push(track); take(track) })
  connection.setRemoteDescription([
    'v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', 'a=group:BUNDLE 0', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:96 H264/90000',
    `a=ice-ufrag:${ufrag}`, `a=ice-pwd:${pwd}`, `a=fingerprint:${fingerprint.algorithm} ${fingerprint.value}`, 'a=setup:passive', ''
  ].join('\r\n'), 'offer')
  connection.setLocalDescription('answer')
  held.push(connection)
  return connection
}

const watch = (track: Track): void => { viewers.push({ track, ssrc: 1000 + viewers.length, offset: Math.floor(Math.random() * 0x10000) }) }
const publish = (track: Track): void => track.onMessage(forward)

const server = createServer((request, response) => {
  void request.setEncoding('utf8').toArray().then(chunks => {
    const connection = accept(chunks.join(''), request.url === '/publish' ? publish : watch)
    const lines = connection.localDescription()!.sdp.split('\r\n').filter(line => /^a=(ice-ufrag|ice-pwd|fingerprint|setup|candidate):/.test(line))
    response.writeHead(201).end(`${lines.join('\r\n')}\r\n`)
  })
}).listen(0, '127.0.0.1', () => console.log(`listening at http://127.0.0.1:${(server.address() as AddressInfo).port}`))
process.once('SIGTERM', () => process.exit(0))
