import assert from 'node:assert/strict'
import test from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Surroundings } from './sdp-exchange.ts'
import { play, type Screen, type WhepState } from './whep.ts'

type Answer = () => Response
const created: Answer = () => new Response('v=0 answer', { status: 201, headers: { location: '/whep/sessions/ses_1' } })

/** A browser whose clock moves only while somebody sleeps, and whose network does as told. */
class FakeBrowser {
  readonly requests: { method: string, url: string, headers: Headers, body: unknown }[] = []
  readonly connections: FakeConnection[] = []
  readonly told: WhepState[] = []
  readonly controller = new AbortController()
  screen: Screen & { srcObject: unknown }
  time = 0
  framesPerSecond = 30
  answers: Answer[] = []
  /** Called each time somebody sleeps: how a test steers. */
  onSleep: (time: number) => void = () => {}
  #frame = (): void => {}

  constructor () {
    this.screen = {
      srcObject: null,
      play: async () => { setImmediate(() => { if (this.framesPerSecond > 0) this.#frame() }) },
      requestVideoFrameCallback: (callback: () => void) => { this.#frame = callback; return 1 },
      addEventListener: () => {}
    } as unknown as Screen
  }

  readonly world: Surroundings = {
    fetch: async (url, init) => {
      this.requests.push({ method: init.method ?? 'GET', url, headers: new Headers(init.headers), body: init.body })
      return init.method === 'DELETE' ? new Response() : (this.answers.shift() ?? created)()
    },
    connect: () => {
      const connection = new FakeConnection(this)
      this.connections.push(connection)
      return connection as unknown as RTCPeerConnection
    },
    stream: tracks => ({ tracks }) as unknown as MediaStream,
    now: () => this.time,
    sleep: async (ms, signal) => {
      await turn()
      if (signal?.aborted) return
      this.time += ms
      this.onSleep(this.time)
    }
  }

  /** Plays until the test aborts. */
  run (): Promise<void> {
    const { screen, controller } = this
    return play({ url: 'http://x/whep/demo', kinds: ['video', 'audio'], screen, token: async () => 'tok', tell: state => this.told.push(state), signal: controller.signal }, this.world)
  }

  phases (): string[] { return this.told.map(state => state.phase) }
}

class FakeConnection {
  readonly #browser: FakeBrowser
  readonly kinds: string[] = []
  connectionState = 'connected'
  readonly steps: string[] = []
  configuration: RTCConfiguration = { bundlePolicy: 'max-bundle' }
  remoteDescription: unknown
  #decoded = 0
  closed = false

  constructor (browser: FakeBrowser) { this.#browser = browser }

  addTransceiver (kind: string) {
    this.kinds.push(kind)
    return { receiver: { track: { kind } } }
  }

  async createOffer () { return { type: 'offer', sdp: 'v=0 offer' } }
  getConfiguration (): RTCConfiguration { return this.configuration }
  setConfiguration (configuration: RTCConfiguration): void {
    this.configuration = configuration
    this.steps.push('configure')
  }

  async setLocalDescription (description: { sdp: string }): Promise<void> { this.steps.push(`local ${description.sdp}`) }
  async setRemoteDescription (description: unknown): Promise<void> {
    this.remoteDescription = description
    this.steps.push('remote')
  }

  close (): void { this.closed = true }

  async getStats () {
    this.#decoded += this.#browser.framesPerSecond
    return new Map([
      ['a', { type: 'inbound-rtp', kind: 'audio', packetsReceived: 1e6 }],
      ['v', { type: 'inbound-rtp', kind: 'video', framesDecoded: this.#decoded }]
    ])
  }
}

test('offers, plays, and takes the session down at the end', async () => {
  const browser = new FakeBrowser()
  browser.onSleep = time => { if (time >= 3_000) browser.controller.abort() }
  await browser.run()
  const [post, bye] = browser.requests
  assert.deepEqual([post?.method, post?.url, post?.body], ['POST', 'http://x/whep/demo', 'v=0 offer'])
  assert.equal(post?.headers.get('authorization'), 'Bearer tok')
  assert.equal(post?.headers.get('content-type'), 'application/sdp')
  assert.deepEqual([bye?.method, bye?.url, bye?.headers.get('authorization')], ['DELETE', 'http://x/whep/sessions/ses_1', 'Bearer tok'])
  assert.deepEqual(browser.connections[0]?.kinds, ['video', 'audio'])
  assert.deepEqual(browser.connections[0]?.remoteDescription, { type: 'answer', sdp: 'v=0 answer' })
  assert.ok(browser.connections.every(connection => connection.closed))
  assert.equal(browser.screen.srcObject, null)
  assert.deepEqual(browser.phases(), ['connecting', 'playing'])
})

test('candidates are gathered from the servers that the answer names', async () => {
  const browser = new FakeBrowser()
  browser.answers = [() => new Response('v=0 answer', { status: 201, headers: [['location', '/s'], ['link', '<stun:a>; rel="ice-server"'], ['link', '<turn:b>; rel="ice-server"; username="1:u"; credential="c"']] })]
  browser.onSleep = time => { if (time >= 3_000) browser.controller.abort() }
  await browser.run()
  const [connection] = browser.connections
  assert.deepEqual(connection?.configuration, { bundlePolicy: 'max-bundle', iceServers: [{ urls: 'stun:a' }, { urls: 'turn:b', username: '1:u', credential: 'c' }] })
  assert.deepEqual(connection.steps, ['configure', 'local v=0 offer', 'remote'])
})

test('a refusal is said in the service’s words, and tried again later and later', async () => {
  const browser = new FakeBrowser()
  const gone: Answer = () => Response.json({ title: 'There is no such thing', detail: 'Nobody publishes in room demo.' }, { status: 404 })
  browser.answers = [gone, gone, gone]
  browser.onSleep = () => { if (browser.phases().includes('playing')) browser.controller.abort() }
  await browser.run()
  const waits = browser.told.filter(state => state.phase === 'waiting')
  assert.deepEqual(waits.map(({ reason }) => reason), Array(3).fill('Nobody publishes in room demo.'))
  const [first = 0, second = 0, third = 0] = waits.map(({ retryMs }) => retryMs)
  assert.ok(first <= 500 && second > first && third > second, `${first}, ${second}, ${third}`)
  assert.equal(browser.told.findLast(state => state.phase === 'connecting')?.attempt, 4)
  assert.equal(browser.requests.filter(({ method }) => method === 'DELETE').length, 1, 'only the session that came to be')
})

test('a picture that stands still is said, then connected anew', async () => {
  const browser = new FakeBrowser()
  browser.onSleep = time => {
    if (time >= 2_000) browser.framesPerSecond = 0
    if (browser.connections.length === 2) browser.controller.abort()
  }
  await browser.run()
  assert.deepEqual([...new Set(browser.phases())], ['connecting', 'playing', 'stalled', 'waiting'])
  assert.equal(browser.told.find(state => state.phase === 'waiting')?.reason, 'Nothing arrives any more')
})

test('a picture that moves again is playing again, with no new connection', async () => {
  const browser = new FakeBrowser()
  browser.onSleep = time => {
    browser.framesPerSecond = time >= 2_000 && time < 7_000 ? 0 : 30
    if (time >= 10_000) browser.controller.abort()
  }
  await browser.run()
  assert.deepEqual(browser.phases().filter((phase, i, all) => phase !== all[i - 1]), ['connecting', 'playing', 'stalled', 'playing'])
  assert.equal(browser.connections.length, 1)
})

test('connected without a frame, and not connected at all, are told apart', async () => {
  for (const [connectionState, reason] of [['connected', /no media arrives/], ['connecting', /No way to the media port/], ['failed', /lost/]] as const) {
    const browser = new FakeBrowser()
    browser.framesPerSecond = 0
    browser.onSleep = () => {
      for (const connection of browser.connections) connection.connectionState = connectionState
      if (browser.phases().includes('waiting')) browser.controller.abort()
    }
    await browser.run()
    assert.match(browser.told.find(state => state.phase === 'waiting')?.reason ?? '', reason)
  }
})

test('who leaves before the answer leaves no session behind', async () => {
  const browser = new FakeBrowser()
  browser.answers = [() => { browser.controller.abort(); return created() }]
  await browser.run()
  assert.deepEqual(browser.requests.map(({ method }) => method), ['POST', 'DELETE'])
  assert.deepEqual(browser.phases(), ['connecting'])
})
