import assert from 'node:assert/strict'
import test from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Surroundings } from './sdp-exchange.ts'
import { publish, type WhipState } from './whip.ts'

type Sent = { track: { kind: string }, init: RTCRtpTransceiverInit, parameters: { encodings: RTCRtpEncodingParameters[] } }

/** A browser whose clock moves only while somebody sleeps; `steer` is called each time. */
function browser ({ answer = 'v=0', status = 201, reached = 'connected', steer }: { answer?: string, status?: number, reached?: string, steer: (time: number, connection: FakeConnection | undefined) => boolean | void }) {
  const controller = new AbortController()
  const requests: [method: string, url: string][] = []
  const connections: FakeConnection[] = []
  const told: WhipState[] = []
  let time = 0
  const world: Surroundings = {
    fetch: async (url, { method = 'GET' }) => {
      requests.push([method, url])
      if (method === 'DELETE') return new Response()
      return status === 201 ? new Response(answer, { status, headers: { location: '/whip/sessions/s' } }) : Response.json({ detail: 'No.' }, { status })
    },
    connect: () => {
      connections.push(new FakeConnection(reached))
      return connections.at(-1) as unknown as RTCPeerConnection
    },
    stream: () => ({}) as MediaStream,
    now: () => time,
    sleep: async (ms, signal) => {
      await turn()
      if (signal?.aborted) return
      time += ms
      if (steer(time, connections.at(-1))) controller.abort()
    }
  }
  const tracks = (): MediaStreamTrack[] => [{ kind: 'audio' }, { kind: 'video' }] as MediaStreamTrack[]
  const run = () => publish({ url: 'http://x/whip/hall', tracks, token: async () => 'tok', tell: state => told.push(state), signal: controller.signal }, world)
  return { run, requests, connections, told, phases: () => told.map(({ phase }) => phase) }
}

class FakeConnection {
  readonly sent: Sent[] = []
  connectionState = 'new'
  closed = false
  readonly #reached: string

  constructor (reached: string) { this.#reached = reached }

  addTransceiver (track: Sent['track'], init: RTCRtpTransceiverInit): void {
    this.sent.push({ track, init, parameters: { encodings: (init.sendEncodings ?? []).slice(0, 1).map(encoding => ({ ...encoding })) } })
  }

  getSenders () {
    return this.sent.map(sent => ({ track: sent.track, getParameters: () => sent.parameters, setParameters: async () => {} }))
  }

  async createOffer () { return { type: 'offer', sdp: 'v=0' } }
  async setLocalDescription (): Promise<void> {}
  async setRemoteDescription (): Promise<void> { this.connectionState = this.#reached }
  close (): void { this.closed = true }
}

test('sends both tracks, and takes the session down at the end', async () => {
  const it = browser({ steer: time => time >= 2_000 })
  await it.run()
  assert.deepEqual(it.requests, [['POST', 'http://x/whip/hall'], ['DELETE', 'http://x/whip/sessions/s']])
  assert.deepEqual(it.connections[0]?.sent.map(({ track, init }) => [track.kind, init.direction]), [['audio', 'sendonly'], ['video', 'sendonly']])
  assert.deepEqual(it.phases(), ['connecting', 'sending'])
  assert.ok(it.connections[0]?.closed)
})

test('three sizes where the service takes them, else the full one', async () => {
  const firstOf = async (answer: string): Promise<number | undefined> => {
    const it = browser({ answer, steer: () => true })
    await it.run()
    const video = it.connections[0]?.sent[1]
    assert.deepEqual(video?.init.sendEncodings?.map(({ rid }) => rid), ['q', 'h', 'f'], 'smallest first')
    return video?.parameters.encodings[0]?.scaleResolutionDownBy
  }
  assert.equal(await firstOf('v=0\r\na=simulcast:recv q;h;f\r\n'), 4)
  assert.equal(await firstOf('v=0\r\n'), 1)
})

test('a lost connection is made anew', async () => {
  const it = browser({ steer: (time, connection) => {
    if (connection && time >= 3_000 && time < 3_500) connection.connectionState = 'failed'
    return time > 6_000
  } })
  await it.run()
  assert.deepEqual(it.phases(), ['connecting', 'sending', 'waiting', 'connecting', 'sending'])
  assert.equal(it.requests.filter(([method]) => method === 'DELETE').length, 2, 'nothing is left behind')
})

test('what is in the way is said: a refusal in the service’s words, or a port that is shut', async () => {
  const refused = browser({ status: 409, steer: () => true })
  await refused.run()
  assert.ok(refused.told.some(state => state.phase === 'waiting' && state.reason === 'No.'))
  const shut = browser({ reached: 'connecting', steer: time => time > 14_000 })
  await shut.run()
  assert.ok(shut.told.some(state => state.phase === 'waiting' && /No way to the media port/.test(state.reason)))
})
