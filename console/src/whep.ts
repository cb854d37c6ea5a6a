import { messageOf } from './lib/errors.ts'
import { backoff, sleep } from './lib/wait.ts'
import { FIRST_FRAME_MS, Watcher } from './whep-watcher.ts'

/** A browser without STUN has its host candidates in a few milliseconds; a stuck interface must not hold up the picture. */
const GATHERING_MS = 300
/** Who has played for this long starts over with the shortest wait. */
const STEADY_MS = 10_000
const GOODBYE_MS = 2_000

export type WhepState =
  | { readonly phase: 'connecting', readonly attempt: number }
  | { readonly phase: 'playing', readonly firstFrameMs: number }
  | { readonly phase: 'stalled', readonly forMs: number }
  | { readonly phase: 'waiting', readonly reason: string, readonly retryMs: number }

/** What a player needs of a `<video>`. */
export type Screen = Pick<HTMLVideoElement, 'srcObject' | 'play' | 'addEventListener'> &
  { requestVideoFrameCallback?: (callback: () => void) => number }

/** What a player needs of the browser. */
export type Surroundings = {
  fetch: (url: string, init: RequestInit) => Promise<Response>
  connect: () => RTCPeerConnection
  stream: (tracks: MediaStreamTrack[]) => MediaStream
  now: () => number
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

const browser = (): Surroundings => ({
  fetch: (url, init) => fetch(url, init),
  connect: () => new RTCPeerConnection({ bundlePolicy: 'max-bundle' }),
  stream: tracks => new MediaStream(tracks),
  now: () => performance.now(),
  sleep
})

export type WhepOptions = {
  /** `/whep/{room}?participant=…` */
  readonly url: string
  readonly kinds: readonly ('audio' | 'video')[]
  readonly screen: Screen
  /** Makes a fresh bearer token: asked before every connection, since tokens are short-lived. */
  readonly token: () => Promise<string>
  readonly tell: (state: WhepState) => void
  readonly signal: AbortSignal
}

/** Keeps a stream on a screen until the signal is aborted (draft-ietf-wish-whep), however often the connection is lost. */
export async function play (options: WhepOptions, world: Surroundings = browser()): Promise<void> {
  const { signal, tell, screen } = options
  let failures = 0
  while (!signal.aborted) {
    tell({ phase: 'connecting', attempt: failures + 1 })
    const began = world.now()
    const reason = await visit(options, world).catch(messageOf)
    if (signal.aborted) break
    failures = world.now() - began > FIRST_FRAME_MS + STEADY_MS ? 1 : failures + 1
    const retryMs = backoff(failures)
    tell({ phase: 'waiting', reason, retryMs })
    await world.sleep(retryMs, signal)
  }
  screen.srcObject = null // Only now: while reconnecting, the last frame is better than none.
}

/** One connection, from the offer to the loss. Resolves with the reason it ended. */
async function visit (options: WhepOptions, world: Surroundings): Promise<string> {
  const { url, kinds, screen, signal } = options
  const bearer = `Bearer ${await options.token()}`
  if (signal.aborted) return 'stopped'
  const connection = world.connect()
  const over = new AbortController()
  let resource: string | undefined
  try {
    const tracks = kinds.map(kind => connection.addTransceiver(kind, { direction: 'recvonly' }).receiver.track)
    await connection.setLocalDescription()
    await gathered(connection, world)
    // Not aborted with the signal: a session the service has made must also be taken down.
    const answer = await offer(url, bearer, connection.localDescription?.sdp ?? '', world)
    resource = answer.resource
    const answeredAt = world.now()
    screen.srcObject = world.stream(tracks)
    await connection.setRemoteDescription({ type: 'answer', sdp: answer.sdp })
    void screen.play().catch(() => {}) // Refused where sound needs a click first; the picture's own button is there for that.
    const watcher = new Watcher(connection, options, world)
    onFirstFrame(screen, kinds.includes('video'), () => {
      if (!over.signal.aborted && !signal.aborted) watcher.firstFrame(world.now() - answeredAt)
    })
    return await watcher.run(signal)
  } finally {
    over.abort()
    connection.close()
    if (resource) await goodbye(resource, bearer, world)
  }
}

async function gathered (connection: RTCPeerConnection, world: Surroundings): Promise<void> {
  if (connection.iceGatheringState === 'complete') return
  const complete = new Promise<void>(resolve => connection.addEventListener('icegatheringstatechange', () => {
    if (connection.iceGatheringState === 'complete') resolve()
  }))
  await Promise.race([complete, world.sleep(GATHERING_MS)])
}

type Answer = { sdp: string, resource: string | undefined }

async function offer (url: string, authorization: string, body: string, world: Surroundings): Promise<Answer> {
  const response = await world.fetch(url, { method: 'POST', headers: { authorization, 'content-type': 'application/sdp' }, body })
  if (response.status !== 201) throw new Error(await refusal(response))
  const location = response.headers.get('location')
  return { sdp: await response.text(), resource: location === null ? undefined : new URL(location, response.url || url).href }
}

/** What the service says (RFC 9457), or at least the number it says it with. */
async function refusal (response: Response): Promise<string> {
  const problem = await response.json().catch(() => ({})) as { detail?: string, title?: string }
  return problem.detail ?? problem.title ?? `The service answered ${response.status}`
}

function onFirstFrame (screen: Screen, hasVideo: boolean, then: () => void): void {
  if (hasVideo && screen.requestVideoFrameCallback) screen.requestVideoFrameCallback(then)
  else screen.addEventListener('playing', then, { once: true })
}

async function goodbye (resource: string, authorization: string, world: Surroundings): Promise<void> {
  // keepalive: it must get out even if the page is being left. Whether it arrived does not matter here.
  const request = world.fetch(resource, { method: 'DELETE', headers: { authorization }, keepalive: true }).catch(() => {})
  await Promise.race([request, world.sleep(GOODBYE_MS)])
}
