import { type IceServer, iceServersIn } from './ice-servers.ts'
import { sleep } from './lib/wait.ts'

const GOODBYE_MS = 2_000

/** What WHIP and WHEP need of the browser. */
export type Surroundings = {
  fetch: (url: string, init: RequestInit) => Promise<Response>
  connect: () => RTCPeerConnection
  stream: (tracks: MediaStreamTrack[]) => MediaStream
  now: () => number
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

/** The browser itself. */
export const browser = (): Surroundings => ({
  fetch: (url, init) => fetch(url, init),
  connect: () => new RTCPeerConnection({ bundlePolicy: 'max-bundle' }),
  stream: tracks => new MediaStream(tracks),
  now: () => performance.now(),
  sleep
})

export type Answer = { readonly sdp: string, readonly resource: string | undefined, readonly iceServers: readonly IceServer[] }

/** POSTs an offer (RFC 9725 section 4.2; the WHEP draft has the same). @throws with what the service says when it refuses */
export async function exchange (url: string, authorization: string, body: string, world: Surroundings): Promise<Answer> {
  const response = await world.fetch(url, { method: 'POST', headers: { authorization, 'content-type': 'application/sdp' }, body })
  if (response.status !== 201) throw new Error(await refusal(response))
  const location = response.headers.get('location')
  return {
    sdp: await response.text(),
    resource: location === null ? undefined : new URL(location, response.url || url).href,
    iceServers: iceServersIn(response.headers.get('link') ?? '')
  }
}

/**
 * Starts the connection. Only here does the browser gather candidates: from the servers the answer names (RFC 9725 section
 * 4.6), and without holding up the offer, since the service answers checks wherever they come from and needs none of ours.
 */
export async function settle (connection: RTCPeerConnection, offer: RTCSessionDescriptionInit, { sdp, iceServers }: Answer): Promise<void> {
  if (iceServers.length > 0) connection.setConfiguration({ ...connection.getConfiguration(), iceServers: [...iceServers] })
  await connection.setLocalDescription(offer)
  await connection.setRemoteDescription({ type: 'answer', sdp })
}

/** What the service says (RFC 9457), or at least the number it says it with. */
async function refusal (response: Response): Promise<string> {
  const problem = await response.json().catch(() => ({})) as { detail?: string, title?: string }
  return problem.detail ?? problem.title ?? `The service answered ${response.status}`
}

export async function goodbye (resource: string, authorization: string, world: Surroundings): Promise<void> {
  // keepalive: it must get out even if the page is being left. Whether it arrived does not matter here.
  const request = world.fetch(resource, { method: 'DELETE', headers: { authorization }, keepalive: true }).catch(() => {})
  await Promise.race([request, world.sleep(GOODBYE_MS)])
}
