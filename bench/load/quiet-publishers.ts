// Very many RTMP publishers that send just enough to stay: sessions to be listed, not media to be carried. What to publish comes as
// JSON in the first argument; prints "publishing" when all are.
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { clipOf } from '../../src/dev/clip.ts'
import { parseFlv } from '../../src/dev/flv-file.ts'
import { systemClock as clock } from '../../src/lib/clock.ts'
import { ClientConnection } from '../../src/protocols/rtmp/client-connection.ts'
import { parseRtmpUrl } from '../../src/protocols/rtmp/url.ts'
import type { Load } from './publishers.ts'

const SOUND_EVERY_MS = 2_000

const { clip: file, destinations } = JSON.parse(process.argv[2] ?? '{}') as Load
const { configs, frames } = clipOf(parseFlv(await readFile(file)))
const sound = frames.find(frame => frame.type === 'audio')!
const { signal } = new AbortController()
const began = clock.now()
for (const { url, streamKey } of destinations) {
  const { host, port, app, tcUrl } = parseRtmpUrl(url, streamKey)
  const connection = await ClientConnection.publish(connect({ host, port, noDelay: true }), { app, tcUrl, streamKey, clock, signal, withinMs: 10_000 })
  connection.ended.catch(error => { console.error(error); process.exit(1) })
  const play = (): void => connection.audio(sound.body, Math.trunc(clock.now() - began))
  for (const { type, body } of configs) if (type === 'audio') connection.audio(body, 0)
  play()
  clock.every(SOUND_EVERY_MS, play)
}
console.log('publishing')
process.once('SIGTERM', () => process.exit(0))
