import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { waitUntil } from '../../../test/support/service.ts'
import { systemClock } from '../../lib/clock.ts'
import { AppError } from '../../lib/errors.ts'
import { type AmfObject, printAmf0 } from './amf0.ts'
import { ChunkReader, whilePublishing } from './chunk-reader.ts'
import { ChunkWriter } from './chunk-writer.ts'
import { ClientConnection } from './client-connection.ts'
import { ClientHandshake } from './handshake.ts'
import { MessageType, parseCommand, parseControl, printCommand, printControl, printUserControl, type RtmpMessage } from './message.ts'
import { type PublishHandler, ServerConnection } from './server-connection.ts'

const { signal } = new AbortController()
const target = { app: 'live', tcUrl: 'rtmp://test/live', streamKey: 'KEY', clock: systemClock, signal, withinMs: 5000 }
const times = { withinMs: 5000, signal }
const ignore: PublishHandler = { video () {}, audio () {}, metadata () {} }

function both (): { server: ServerConnection, client: Promise<ClientConnection> } {
  const [near, far] = duplexPair()
  return { server: new ServerConnection(near, systemClock), client: ClientConnection.publish(far, target) }
}

for (const handshake of ['simple', 'digest'] as const) {
  test(`publishing with a ${handshake} handshake: what is sent arrives, and goodbye is heard`, async () => {
    const [near, far] = duplexPair()
    await using server = new ServerConnection(near, systemClock)
    const publishing = ClientConnection.publish(far, { ...target, handshake })
    const request = await server.request(times)
    assert.deepEqual([request.app, request.streamKey, request.handshake], ['live', 'KEY', handshake])
    const seen: string[] = []
    let metadata: AmfObject = {}
    const done = server.publishing({
      video: (body, at) => seen.push(`video ${body.length} @${at}`),
      audio: (body, at) => seen.push(`audio ${body.length} @${at}`),
      metadata: values => { metadata = values }
    }, { silenceMs: 5000, signal })
    await using client = await publishing
    client.metadata({ width: 1280, encoder: 'test' })
    client.video(Buffer.alloc(100_000), 0)
    client.audio(Buffer.alloc(300), 7)
    client.video(Buffer.alloc(0), 0xffff_ffff)
    await client.close()
    await done
    assert.deepEqual(seen, ['video 100000 @0', 'audio 300 @7', 'video 0 @4294967295'])
    assert.deepEqual({ ...metadata }, { width: 1280, encoder: 'test' })
    await client.ended
  })
}

test('a refusal reaches the publisher with its words', async () => {
  const { server, client } = both()
  await server.request(times)
  server.refuse({ code: 'NetStream.Publish.BadName', description: 'There is no such stream key' })
  await assert.rejects(client, { code: 'forbidden', message: /NetStream.Publish.BadName: There is no such stream key/ })
  await server[Symbol.asyncDispose]()
})

test('what the handler throws ends the stream, and the publisher is told', async () => {
  const { server, client } = both()
  await using _server = server
  await server.request(times)
  const done = server.publishing({ ...ignore, video () { throw new AppError('unsupported_media_type', 'HEVC is not taken') } }, { silenceMs: 5000, signal })
  const rejected = assert.rejects(done, { code: 'unsupported_media_type' })
  const publisher = await client
  publisher.video(Buffer.alloc(1), 0)
  await assert.rejects(publisher.ended, /NetStream.Publish.Rejected: HEVC is not taken/)
  await rejected
})

test('an aborted publisher is told why', async () => {
  const { server, client } = both()
  await using _server = server
  await server.request(times)
  const controller = new AbortController()
  const done = server.publishing(ignore, { silenceMs: 5000, signal: controller.signal })
  const publisher = await client
  controller.abort(new Error('kicked by an operator'))
  await assert.rejects(done, { message: 'kicked by an operator' })
  await assert.rejects(publisher.ended, { code: 'dependency_unavailable' })
})

test('a publisher that vanishes ends the stream without an error', async () => {
  const [near, far] = duplexPair()
  await using server = new ServerConnection(near, systemClock)
  const publishing = ClientConnection.publish(far, target)
  await server.request(times)
  const done = server.publishing(ignore, { silenceMs: 5000, signal })
  await publishing
  far.destroy()
  near.destroy()
  await done
})

test('handshake and publish have their time, and so has silence', async () => {
  const clock = new ManualClock()
  const [near, far] = duplexPair()
  await using slow = new ServerConnection(near, clock)
  const waiting = assert.rejects(slow.request({ withinMs: 10_000, signal }), { code: 'connect_timeout' })
  far.write(Buffer.from([3, 0, 0]))
  clock.advance(10_000)
  await waiting

  const [near2, far2] = duplexPair()
  await using silent = new ServerConnection(near2, clock)
  const publishing = ClientConnection.publish(far2, target)
  await silent.request({ withinMs: 10_000, signal })
  let heard = 0
  const done = silent.publishing({ ...ignore, audio () { heard++ } }, { silenceMs: 8000, signal })
  const rejected = assert.rejects(done, { code: 'media_timeout' })
  const client = await publishing
  clock.advance(7000)
  client.audio(Buffer.alloc(2), 0)
  await waitUntil('the sound is heard', 5000, () => heard > 0)
  clock.advance(7900)
  client.metadata({}) // Not media: does not keep the stream alive.
  await new Promise(setImmediate)
  clock.advance(600)
  await rejected
})

/** A client that says whatever it is told to. */
class RawClient {
  readonly messages: RtmpMessage[] = []
  readonly #writer = new ChunkWriter()
  readonly #socket
  readonly server: ServerConnection
  readonly ready: Promise<unknown>
  ended = false

  static async open (): Promise<RawClient> {
    const client = new RawClient()
    await client.ready
    return client
  }

  private constructor () {
    const [near, far] = duplexPair()
    this.server = new ServerConnection(near, systemClock)
    this.#socket = far
    const handshake = new ClientHandshake()
    const reader = new ChunkReader(message => { this.messages.push({ ...message, payload: Buffer.from(message.payload) }) })
    reader.messageLimit = whilePublishing
    const ready = Promise.withResolvers()
    this.ready = ready.promise
    let shaken = false
    far.write(handshake.hello)
    far.on('data', (bytes: Buffer) => {
      if (shaken) return reader.push(bytes)
      const { send, rest } = handshake.push(bytes)
      if (send) far.write(send)
      if (!rest) return
      shaken = true
      ready.resolve(undefined)
      reader.push(rest)
    })
    far.on('end', () => { this.ended = true; far.end() })
    far.on('error', () => {})
  }

  write (bytes: Buffer): void { this.#socket.write(bytes) }
  send (type: number, payload: Buffer, streamId = 0): void { this.write(this.#writer.print(3, { type, streamId, timestamp: 0, payload })) }
  call (name: string, transactionId: number, ...args: Parameters<typeof printCommand>[2][]): void { this.send(MessageType.command, printCommand(name, transactionId, null, ...args)) }
  connect (more: AmfObject = {}): void { this.send(MessageType.command, printCommand('connect', 1, { app: 'live', ...more })) }

  async answers (name: string, count = 1): Promise<ReturnType<typeof parseCommand>[]> {
    for (;;) {
      const found = this.messages.filter(m => m.type === MessageType.command).map(parseCommand).filter(c => c.name === name)
      if (found.length >= count) return found
      assert.ok(!this.ended, `the server closed before ${name}`)
      await new Promise(setImmediate)
    }
  }
}

test('everything encoders ask on the way to publish is answered', async () => {
  const client = await RawClient.open()
  await using server = client.server
  client.connect()
  client.call('releaseStream', 2, 'KEY')
  client.call('FCPublish', 3, 'KEY')
  client.call('_checkbw', 4)
  client.call('getStreamLength', 5, 'KEY')
  client.call('createStream', 6)
  client.call('somethingElse', 7)
  const results = await client.answers('_result', 6)
  assert.deepEqual(results.map(r => r.transactionId), [1, 2, 3, 4, 5, 6])
  assert.equal((results[0]!.args[0] as AmfObject).code, 'NetConnection.Connect.Success')
  assert.deepEqual([results[4]!.args[0], results[5]!.args[0]], [0, 1])
  assert.equal((await client.answers('onFCPublish')).length, 1)
  assert.equal((await client.answers('_error'))[0]!.transactionId, 7)
  client.call('publish', 8, 'KEY?x=1', 'live')
  assert.equal((await server.request(times)).streamKey, 'KEY')
})

test('enhanced RTMP is promised only what is kept', async () => {
  const client = await RawClient.open()
  await using _server = client.server
  client.connect({ fourCcList: ['hvc1', 'av01'], capsEx: 15 })
  const [answer] = await client.answers('_result')
  assert.deepEqual(answer!.object!.fourCcList, ['avc1', 'mp4a'])
  assert.ok(!('capsEx' in answer!.object!))
})

test('a ping is answered, and bytes are acknowledged when the peer wants it', async () => {
  const client = await RawClient.open()
  await using _server = client.server
  client.connect()
  await client.answers('_result')
  client.send(MessageType.windowAcknowledgementSize, printControl(1000))
  client.send(MessageType.userControl, printUserControl(6, 0xabcd))
  client.send(MessageType.sharedObject, Buffer.alloc(2000))
  const find = (type: number): RtmpMessage | undefined => client.messages.find(m => m.type === type && (type !== MessageType.userControl || m.payload.readUInt16BE(0) === 7))
  while (!find(MessageType.acknowledgement) || !find(MessageType.userControl)) await new Promise(setImmediate)
  assert.ok(parseControl(find(MessageType.acknowledgement)!) > 3000)
  assert.equal(find(MessageType.userControl)!.payload.readUInt32BE(2), 0xabcd)
})

test('media that follows publish at once is kept until the caller has decided', async () => {
  const client = await RawClient.open()
  await using server = client.server
  client.connect()
  await client.answers('_result')
  const writer = new ChunkWriter()
  const message = (type: number, payload: Buffer): Buffer => writer.print(5, { type, streamId: 1, timestamp: 0, payload })
  client.write(Buffer.concat([message(20, printCommand('publish', 2, null, 'KEY', 'live')), message(9, Buffer.alloc(5)), message(8, Buffer.alloc(6))]))
  await server.request(times)
  const seen: number[] = []
  void server.publishing({ ...ignore, video: body => { seen.push(body.length) }, audio: body => { seen.push(body.length) } }, { silenceMs: 5000, signal }).catch(() => {})
  assert.deepEqual(seen, [5, 6])
})

test('an aggregate is taken apart', async () => {
  const client = await RawClient.open()
  await using server = client.server
  client.connect()
  client.call('publish', 2, 'KEY')
  await server.request(times)
  const seen: string[] = []
  void server.publishing({ ...ignore, video: (body, at) => { seen.push(`video ${body.length} @${at}`) }, audio: (body, at) => { seen.push(`audio ${body.length} @${at}`) } }, { silenceMs: 5000, signal }).catch(() => {})
  client.send(MessageType.aggregate, Buffer.from('08000002 000064 00 000000 af01 0000000d 09000001 000074 00 000000 17 0000000c'.replaceAll(' ', ''), 'hex'), 1)
  while (seen.length < 2) await new Promise(setImmediate)
  assert.deepEqual(seen, ['audio 2 @0', 'video 1 @16'])
})

const faults: [string, (client: RawClient) => void, code?: string][] = [
  ['a command before connect', client => client.call('createStream', 2)],
  ['connect twice', client => { client.connect(); client.connect() }],
  ['play', client => { client.connect(); client.call('play', 2, 'KEY') }, 'forbidden'],
  ['a chunk size of 2^31', client => client.send(MessageType.setChunkSize, printControl(2 ** 31))],
  ['AMF nested 10,000 deep', client => client.send(MessageType.command, Buffer.concat([printAmf0(['connect', 1]), Buffer.from('03000161'.repeat(10_000), 'hex')]))],
  ['a message of 16 MB before publish', client => client.write(Buffer.from('06000000ffffff0901000000', 'hex'))],
  ['a command without a name', client => client.send(MessageType.command, printAmf0([1, 2]))],
  ['nine streams', client => { client.connect(); for (let i = 0; i < 9; i++) client.call('createStream', i + 2) }],
  ['a thousand commands', client => { client.connect(); for (let i = 0; i < 1000; i++) client.call('_checkbw', i + 2) }]
]

for (const [what, provoke, code = 'protocol_error'] of faults) {
  test(`ends the connection: ${what}`, async () => {
    const client = await RawClient.open()
    await using server = client.server
    const request = assert.rejects(server.request(times), error => error instanceof AppError && error.code === code && !error.message.includes('left'))
    provoke(client)
    await request
    while (!client.ended) await new Promise(setImmediate)
  })
}

test('garbage instead of a handshake ends the connection at once', async () => {
  for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01', '\x06', '\x00']) {
    const [near, far] = duplexPair()
    await using server = new ServerConnection(near, systemClock)
    far.write(Buffer.from(bytes, 'latin1'))
    await assert.rejects(server.request(times), { code: 'protocol_error' })
  }
})
