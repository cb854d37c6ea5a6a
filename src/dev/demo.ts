import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { ChildController } from '../lib/abort.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { pause } from '../lib/pause.ts'
import { ClientConnection } from '../protocols/rtmp/client-connection.ts'
import { parseRtmpUrl } from '../protocols/rtmp/url.ts'
import { clipOf } from './clip.ts'
import { parseFlv } from './flv-file.ts'
import { type Clip, replay } from './replay.ts'

const CONNECT_WITHIN_MS = 5_000
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 15_000

export type DemoOptions = {
  /** Server and application: `rtmp://127.0.0.1:1935/live`. */
  readonly url: string
  readonly streamKey: string
  readonly log: Logger
  readonly signal: AbortSignal
  readonly clock?: Clock
}

/**
 * Publishes the demo clip (a clock, and a beep with a flash each second) as an encoder would, so that somebody with no encoder
 * sees a picture too. Comes back whenever the server sends it away. Resolves, never rejects, once the signal is aborted.
 */
export async function publishDemo ({ url, streamKey, log, signal, clock = systemClock }: DemoOptions): Promise<void> {
  const clip = clipOf(parseFlv(await readFile(new URL('demo-clip.flv', import.meta.url))))
  for (let retryMs = FIRST_RETRY_MS; !signal.aborted; retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)) {
    const began = clock.now()
    try {
      await publishOnce(clip, url, streamKey, { clock, signal })
    } catch (error) {
      if (signal.aborted) return
      if (clock.now() - began > LAST_RETRY_MS) retryMs = FIRST_RETRY_MS // It had been well.
      log.warn({ cause: messageOf(error), retryMs }, 'the demo stream was interrupted')
      await pause(clock, retryMs, signal)
    }
  }
}

/** Resolves when the signal is aborted; rejects when the server ends it. */
async function publishOnce (clip: Clip, url: string, streamKey: string, { clock, signal }: { clock: Clock, signal: AbortSignal }): Promise<void> {
  const { host, port, app, tcUrl } = parseRtmpUrl(url, streamKey)
  const socket = connect({ host, port, noDelay: true })
  await using connection = await ClientConnection.publish(socket, { app, tcUrl, streamKey, clock, signal, withinMs: CONNECT_WITHIN_MS })
  connection.metadata({ encoder: 'AuraLink demo', duration: 0 })
  using controller = new ChildController(signal)
  connection.ended.catch(error => controller.abort(error))
  await replay(clip, connection, { clock, signal: controller.signal })
  signal.throwIfAborted()
  controller.signal.throwIfAborted()
}
