import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { clipOf } from '../../src/dev/clip.ts'
import { parseFlv } from '../../src/dev/flv-file.ts'
import { type Clip, replay } from '../../src/dev/replay.ts'
import { systemClock as clock } from '../../src/lib/clock.ts'
import { ClientConnection } from '../../src/protocols/rtmp/client-connection.ts'
import { parseRtmpUrl } from '../../src/protocols/rtmp/url.ts'
import type { Service } from './service.ts'

const CONNECT_WITHIN_MS = 20_000
/** FLV's frame type, in the upper half of the first byte. */
const FLV_KEYFRAME = 1

type Key = { readonly room: string, readonly streamKey: string }

/** Many live RTMP publishers in this process, each in a room of its own. */
export class Publishers implements AsyncDisposable {
  readonly rooms: readonly string[]
  /** Those whose connection ended before they were told to stop, with why. */
  readonly dropped: string[] = []
  readonly #controller = new AbortController()
  readonly #ending: Promise<void>[] = []

  private constructor (keys: readonly Key[]) { this.rooms = keys.map(({ room }) => room) }

  static async start (service: Service, count: number, prefix = 'room'): Promise<Publishers> {
    const keys: Key[] = []
    for (let n = 0; n < count; n++) keys.push(await service.call<Key>('POST', '/api/v1/ingresses', { protocol: 'rtmp', room: `${prefix}-${n}` }))
    const publishers = new Publishers(keys)
    const clip = await cheapClip()
    for (const key of keys) await publishers.#publish(`rtmp://127.0.0.1:${service.rtmpPort}/live`, key, clip)
    return publishers
  }

  async #publish (url: string, { room, streamKey }: Key, clip: Clip): Promise<void> {
    const { signal } = this.#controller
    const connection = await publish(url, streamKey, signal)
    connection.ended.then(() => 'ended', error => String(error)).then(why => { if (!signal.aborted) this.dropped.push(`${room}: ${why}`) })
    this.#ending.push(replay(clip, connection, { clock, signal }).catch(() => {}).then(() => connection[Symbol.asyncDispose]()))
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    this.#controller.abort()
    await Promise.allSettled(this.#ending)
  }
}

/** One connection that may publish. Rejects when the server does not want it. */
export function publish (url: string, streamKey: string, signal: AbortSignal): Promise<ClientConnection> {
  const { host, port, app, tcUrl } = parseRtmpUrl(url, streamKey)
  return ClientConnection.publish(connect({ host, port, noDelay: true }), { app, tcUrl, streamKey, clock, signal, withinMs: CONNECT_WITHIN_MS })
}

/** The sound and one picture of each group: fifty publishers of it cost what one of the whole does. */
async function cheapClip (): Promise<Clip> {
  const clip = clipOf(parseFlv(await readFile(new URL('../../src/dev/demo-clip.flv', import.meta.url))))
  return { ...clip, frames: clip.frames.filter(({ type, body }) => type !== 'video' || body[0]! >> 4 === FLV_KEYFRAME) }
}
