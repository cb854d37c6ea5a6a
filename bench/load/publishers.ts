// Many RTMP publishers in one cheap process: each replays a file that was encoded beforehand. What to publish comes as JSON in
// the first argument; prints "publishing" when all are, and a line of JSON when it is told to stop.
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { clipOf } from '../../src/dev/clip.ts'
import { parseFlv } from '../../src/dev/flv-file.ts'
import { pause } from '../../src/lib/pause.ts'
import { replay } from '../../src/dev/replay.ts'
import { systemClock as clock } from '../../src/lib/clock.ts'
import { ClientConnection } from '../../src/protocols/rtmp/client-connection.ts'
import { parseRtmpUrl } from '../../src/protocols/rtmp/url.ts'

export type Load = { readonly clip: string, readonly destinations: readonly { readonly url: string, readonly streamKey: string }[] }

/** Publishers start at different moments of a picture's time, as in life, lest all pictures come at once. */
const PICTURE_MS = 1000 / 30

const { clip: file, destinations } = JSON.parse(process.argv[2] ?? '{}') as Load
const clip = clipOf(parseFlv(await readFile(file)))
const controller = new AbortController()
const { signal } = controller
const connections: ClientConnection[] = []
const endings: Promise<void>[] = []
for (const { url, streamKey } of destinations) {
  const { host, port, app, tcUrl } = parseRtmpUrl(url, streamKey)
  const connection = await ClientConnection.publish(connect({ host, port, noDelay: true }), { app, tcUrl, streamKey, clock, signal, withinMs: 10_000 })
  connections.push(connection)
  connection.ended.catch(error => { console.error(error); process.exit(1) })
  endings.push(replay(clip, connection, { clock, signal }))
  await pause(clock, PICTURE_MS / destinations.length, signal)
}
console.log('publishing')
process.once('SIGTERM', async () => {
  const unsentBytes = connections.reduce((sum, connection) => sum + connection.unsentBytes, 0)
  controller.abort()
  await Promise.all(endings)
  console.log(JSON.stringify({ bytes: connections.reduce((sum, connection) => sum + connection.bytesOut, 0), unsentBytes }))
  await Promise.all(connections.map(connection => connection.close()))
  process.exit(0)
})
