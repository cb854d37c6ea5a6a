import { messageOf } from './lib/errors.ts'
import { backoff } from './lib/wait.ts'
import { browser, exchange, goodbye, settle, type Surroundings } from './sdp-exchange.ts'

const CONNECT_MS = 12_000
/** ICE finds its way back from shorter silences by itself. */
const LOST_MS = 9_000
const WATCH_EVERY_MS = 500
/** Who has sent for this long starts over with the shortest wait. */
const STEADY_MS = 10_000

export type WhipState =
  | { readonly phase: 'connecting', readonly attempt: number }
  | { readonly phase: 'sending' }
  | { readonly phase: 'waiting', readonly reason: string, readonly retryMs: number }

export type WhipOptions = {
  /** `/whip/{room}?identity=…` */
  readonly url: string
  /** What to send now, at most one of each kind: asked before every connection. */
  readonly tracks: () => readonly MediaStreamTrack[]
  /** Makes a bearer token that is still good. */
  readonly token: () => Promise<string>
  readonly tell: (state: WhipState) => void
  readonly connecting?: (connection: RTCPeerConnection) => void
  readonly signal: AbortSignal
}

/** Three sizes of one picture, smallest first, as browsers share out their bandwidth (RFC 8853). */
const layers = (): RTCRtpEncodingParameters[] => [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_700_000 }
]

/** Publishes until the signal is aborted (RFC 9725), however often the connection is lost. */
export async function publish (options: WhipOptions, world: Surroundings = browser()): Promise<void> {
  const { signal, tell } = options
  let failures = 0
  while (!signal.aborted) {
    tell({ phase: 'connecting', attempt: failures + 1 })
    const began = world.now()
    const reason = await visit(options, world).catch(messageOf)
    if (signal.aborted) break
    failures = world.now() - began > STEADY_MS + CONNECT_MS ? 1 : failures + 1
    const retryMs = backoff(failures)
    tell({ phase: 'waiting', reason, retryMs })
    await world.sleep(retryMs, signal)
  }
}

/** One connection, from the offer to the loss. Resolves with the reason it ended. */
async function visit (options: WhipOptions, world: Surroundings): Promise<string> {
  const { url, signal } = options
  const bearer = `Bearer ${await options.token()}`
  if (signal.aborted) return 'stopped'
  const connection = world.connect()
  options.connecting?.(connection)
  let resource: string | undefined
  try {
    const tracks = options.tracks()
    const stream = world.stream([...tracks])
    for (const track of tracks) {
      const sendEncodings = track.kind === 'video' ? layers() : undefined
      connection.addTransceiver(track, { direction: 'sendonly', streams: [stream], ...(sendEncodings ? { sendEncodings } : {}) })
    }
    const offer = await connection.createOffer()
    const answer = await exchange(url, bearer, offer.sdp ?? '', world)
    resource = answer.resource
    await settle(connection, offer, answer)
    if (!/^a=simulcast:/m.test(answer.sdp)) await sendOneSize(connection)
    return await lasting(connection, options, world)
  } finally {
    connection.close()
    if (resource) await goodbye(resource, bearer, world)
  }
}

/** Where the service takes one size only, the browser keeps the first of the three: make it the full one. */
async function sendOneSize (connection: RTCPeerConnection): Promise<void> {
  for (const sender of connection.getSenders()) {
    if (sender.track?.kind !== 'video') continue
    const parameters = sender.getParameters()
    const [encoding] = parameters.encodings
    const largest = layers().at(-1)
    if (!encoding || !largest?.maxBitrate) continue
    encoding.scaleResolutionDownBy = 1
    encoding.maxBitrate = largest.maxBitrate
    await sender.setParameters(parameters)
  }
}

/** Resolves with the reason when the connection cannot be made, or is lost. */
async function lasting (connection: RTCPeerConnection, { signal, tell }: WhipOptions, world: Surroundings): Promise<string> {
  let goodAt = world.now()
  let sending = false
  for (;;) {
    const { connectionState } = connection
    if (connectionState === 'failed' || connectionState === 'closed') return sending ? 'The connection was lost' : noWay
    if (connectionState === 'connected') {
      goodAt = world.now()
      if (!sending) tell({ phase: 'sending' })
      sending = true
    }
    if (world.now() - goodAt > (sending ? LOST_MS : CONNECT_MS)) return sending ? 'The connection was lost' : noWay
    await world.sleep(WATCH_EVERY_MS, signal)
    if (signal.aborted) return 'stopped'
  }
}

const noWay = 'No way to the media port: is its port (UDP, or TCP) open between here and the service?'
