import { messageOf } from './lib/errors.ts'
import { backoff } from './lib/wait.ts'
import { browser, exchange, goodbye, settle, type Surroundings } from './sdp-exchange.ts'
import { FIRST_FRAME_MS, Watcher } from './whep-watcher.ts'

/** Who has played for this long starts over with the shortest wait. */
const STEADY_MS = 10_000

export type WhepState =
  | { readonly phase: 'connecting', readonly attempt: number }
  | { readonly phase: 'playing', readonly firstFrameMs: number }
  | { readonly phase: 'stalled', readonly forMs: number }
  | { readonly phase: 'waiting', readonly reason: string, readonly retryMs: number }

/** What a player needs of a `<video>`. */
export type Screen = Pick<HTMLVideoElement, 'srcObject' | 'play' | 'addEventListener'> &
  { requestVideoFrameCallback?: (callback: () => void) => number }

export type WhepOptions = {
  /** `/whep/{room}?participant=…` */
  readonly url: string
  readonly kinds: readonly ('audio' | 'video')[]
  readonly screen: Screen
  /** Makes a fresh bearer token: asked before every connection, since tokens are short-lived. */
  readonly token: () => Promise<string>
  readonly tell: (state: WhepState) => void
  /** Told of each connection as it is made: for whoever measures it. */
  readonly connecting?: (connection: RTCPeerConnection) => void
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
  options.connecting?.(connection)
  const over = new AbortController()
  let resource: string | undefined
  try {
    const transceivers = kinds.map(kind => connection.addTransceiver(kind, { direction: 'recvonly' }))
    transceivers.forEach(readDescriptors)
    const tracks = transceivers.map(({ receiver }) => receiver.track)
    const offer = await connection.createOffer()
    // Not aborted with the signal: a session the service has made must also be taken down.
    const answer = await exchange(url, bearer, offer.sdp ?? '', world)
    resource = answer.resource
    const answeredAt = world.now()
    screen.srcObject = world.stream(tracks)
    await settle(connection, offer, answer)
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

type HeaderExtension = { readonly uri: string, readonly direction: string }
type Extensible = { getHeaderExtensionsToNegotiate?: () => HeaderExtension[], setHeaderExtensionsToNegotiate?: (extensions: HeaderExtension[]) => void }

/** Browsers can put together AV1 in several sizes (SVC), but do not say so by themselves. */
function readDescriptors (transceiver: RTCRtpTransceiver): void {
  const extensible = transceiver as RTCRtpTransceiver & Extensible // Newer than the types of the DOM.
  const extensions = extensible.getHeaderExtensionsToNegotiate?.()
  if (!extensions) return
  extensible.setHeaderExtensionsToNegotiate?.(extensions.map(extension => extension.uri.includes('#dependency-descriptor') ? { ...extension, direction: 'sendrecv' } : extension))
}

function onFirstFrame (screen: Screen, hasVideo: boolean, then: () => void): void {
  if (hasVideo && screen.requestVideoFrameCallback) screen.requestVideoFrameCallback(then)
  else screen.addEventListener('playing', then, { once: true })
}
