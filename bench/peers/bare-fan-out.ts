// The least that forwarding over node-datachannel costs: whoever posts an offer to /publish sends, whoever posts one to /watch gets
// each packet with an SSRC and a sequence number of its own. No RTCP, no retransmissions, nothing counted.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isRtcp } from '../../src/media/rtcp/compound.ts'
import { parseOffer } from '../../src/protocols/webrtc/sdp-offer.ts'
import type { Transport } from '../../src/protocols/webrtc/transport.ts'
import { TransportHub } from '../../src/protocols/webrtc/transport-hub.ts'

const hub = await TransportHub.open({ port: 0, bindAddress: '127.0.0.1' })
const viewers: { transport: Transport, ssrc: number, offset: number }[] = []

function forward (bytes: Buffer): void {
  if (isRtcp(bytes)) return
  const sequence = bytes.readUInt16BE(2)
  for (const { transport, ssrc, offset } of viewers) {
    bytes.writeUInt16BE((sequence + offset) & 0xffff, 2)
    bytes.writeUInt32BE(ssrc, 8)
    transport.send(bytes)
  }
}

function answerOf (transport: Transport): string {
  const { ufrag, pwd, fingerprint, setup } = transport.local
  const candidates = hub.candidatesOf(transport).map(({ foundation, component, protocol, priority, address, port, type }) => `a=candidate:${foundation} ${component} ${protocol} ${priority} ${address} ${port} typ ${type}`)
  return [`a=ice-ufrag:${ufrag}`, `a=ice-pwd:${pwd}`, `a=fingerprint:${fingerprint.algorithm} ${fingerprint.value}`, `a=setup:${setup}`, ...candidates, ''].join('\r\n')
}

const server = createServer((request, response) => {
  void request.setEncoding('utf8').toArray().then(chunks => {
    const transport = hub.accept(parseOffer(chunks.join('')).transport, '127.0.0.1')
    if (request.url === '/publish') transport.onPacket = forward
    else viewers.push({ transport, ssrc: 1000 + viewers.length, offset: Math.floor(Math.random() * 0x10000) })
    response.writeHead(201).end(answerOf(transport))
  })
}).listen(0, '127.0.0.1', () => console.log(`listening at http://127.0.0.1:${(server.address() as AddressInfo).port}`))
process.once('SIGTERM', () => process.exit(0))
