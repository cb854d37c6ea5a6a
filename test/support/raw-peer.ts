import nodeDataChannel, { type PeerConnection, type Track } from 'node-datachannel'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRtcp, parseRtcp, printRtcp } from '../../src/media/rtcp/compound.ts'
import type { RtcpPacket } from '../../src/media/rtcp/packet.ts'
import { RtpPacket } from '../../src/media/rtp-packet.ts'

const CONNECT_WITHIN_MS = 10_000
const GATHER_POLL_MS = 1

const defaultSections = [
  { mid: '0', lines: ['m=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=rtpmap:111 opus/48000/2', 'a=fmtp:111 minptime=10;useinbandfec=1'] },
  {
    mid: '1',
    lines: ['m=video 9 UDP/TLS/RTP/SAVPF 102 103', 'a=rtpmap:102 H264/90000', 'a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
      'a=rtcp-fb:102 nack', 'a=rtcp-fb:102 nack pli', 'a=rtcp-fb:102 ccm fir', 'a=rtpmap:103 rtx/90000', 'a=fmtp:103 apt=102']
  }
]

export type RawSection = { mid: string, lines: string[] }

/**
 * A WebRTC peer made of bare packets: it offers what it is told to, keeps all RTP and RTCP that comes, and sends what it is
 * given. It decodes nothing.
 */
export class RawPeer implements AsyncDisposable {
  readonly offer: string
  readonly packets: RtpPacket[] = []
  readonly reports: RtcpPacket[] = []
  onPacket: (packet: RtpPacket) => void = () => {}
  readonly #connection: PeerConnection
  readonly #track: Track
  readonly #open = Promise.withResolvers<void>()
  readonly #closed = Promise.withResolvers<void>()

  private constructor (connection: PeerConnection, track: Track, direction: string, sections: RawSection[]) {
    this.#connection = connection
    this.#track = track
    track.onOpen(() => this.#open.resolve())
    connection.onStateChange(state => { if (state === 'closed') this.#closed.resolve() })
    track.onClosed(() => {})
    track.onMessage(bytes => this.#take(bytes))
    this.offer = this.#describe(direction, sections)
  }

  static async create (direction: 'recvonly' | 'sendonly' = 'recvonly', sections: RawSection[] = defaultSections): Promise<RawPeer> {
    const connection = newConnection('127.0.0.1')
    const video = new nodeDataChannel.Video('0', 'SendRecv')
    video.addH264Codec(96)
    const track = connection.addTrack(video)
    connection.setLocalDescription('offer')
    while (connection.gatheringState() !== 'complete') await sleep(GATHER_POLL_MS)
    return new RawPeer(connection, track, direction, sections)
  }

  /** One that answers somebody's offer, whom it lets open DTLS. @returns with it, what to answer: it is connected some time after */
  static async answering (offer: string, sections: RawSection[], bindAddress: string): Promise<{ peer: RawPeer, answer: string }> {
    const connection = newConnection(bindAddress)
    const found = Promise.withResolvers<Track>()
    connection.onTrack(track => found.resolve(track))
    connection.setRemoteDescription(transportOf(offer, 'active'), 'offer')
    connection.setLocalDescription('answer')
    while (connection.gatheringState() !== 'complete') await sleep(GATHER_POLL_MS)
    const peer = new RawPeer(connection, await found.promise, 'recvonly', sections)
    return { peer, answer: peer.offer }
  }

  /** Takes the answer, and waits for ICE and DTLS. */
  async accept (answer: string): Promise<void> {
    this.#connection.setRemoteDescription(transportOf(answer), 'answer')
    await this.connected()
  }

  async connected (): Promise<void> {
    const late = sleep(CONNECT_WITHIN_MS, undefined, { ref: false }).then(() => { throw new Error('the raw peer did not connect') })
    await Promise.race([this.#open.promise, late])
  }

  send (packet: RtpPacket): void { this.#track.sendMessageBinary(packet.bytes) }
  sendRtcp (packets: RtcpPacket[]): void { this.#track.sendMessageBinary(printRtcp(packets)) }

  packetsOf (ssrc: number): RtpPacket[] { return this.packets.filter(packet => packet.ssrc === ssrc) }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#track.close()
    this.#connection.close()
    await Promise.race([this.#closed.promise, sleep(1000, undefined, { ref: false })])
  }

  #take (bytes: Buffer): void {
    if (isRtcp(bytes)) { this.reports.push(...parseRtcp(bytes)); return }
    const packet = RtpPacket.parse(bytes)
    this.packets.push(packet)
    this.onPacket(packet)
  }

  #describe (direction: string, sections: RawSection[]): string {
    const own = this.#connection.localDescription()!.sdp
    const transport = own.split('\r\n').filter(line => /^a=(ice-ufrag|ice-pwd|fingerprint|setup|candidate):/.test(line))
    const media = sections.flatMap(({ mid, lines: [first = '', ...rest] }) => [first, 'c=IN IP4 0.0.0.0', `a=mid:${mid}`, `a=${direction}`, 'a=rtcp-mux', ...transport, ...rest])
    return ['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', `a=group:BUNDLE ${sections.map(section => section.mid).join(' ')}`, ...media, ''].join('\r\n')
  }
}

const newConnection = (bindAddress: string): PeerConnection => new nodeDataChannel.PeerConnection('raw', { iceServers: [], disableAutoNegotiation: true, bindAddress })

/** The one section that the library is told of, with the transport of what the other side describes. */
function transportOf (description: string, setup?: string): string {
  const value = (name: string): string => new RegExp(`^a=${name}:(.*)$`, 'm').exec(description)?.[1]?.trim() ?? ''
  const candidates = [...description.matchAll(/^a=candidate:.*$/gm)].map(([line]) => line.trim())
  return [
    'v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', 'a=group:BUNDLE 0', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=sendrecv', 'a=rtcp-mux',
    'a=rtpmap:96 H264/90000', `a=ice-ufrag:${value('ice-ufrag')}`, `a=ice-pwd:${value('ice-pwd')}`, `a=fingerprint:${value('fingerprint')}`, `a=setup:${setup ?? value('setup')}`, ...candidates, ''
  ].join('\r\n')
}
