// Our publishing client at other people's servers: what they write down has every picture, flash and beep.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { clipOf } from '../../src/dev/clip.ts'
import { parseFlv } from '../../src/dev/flv-file.ts'
import { systemClock as clock } from '../../src/lib/clock.ts'
import { ClientConnection } from '../../src/protocols/rtmp/client-connection.ts'
import type { HandshakeKind } from '../../src/protocols/rtmp/handshake.ts'
import { analyse, soundOffsets } from '../support/content.ts'
import { ffmpeg, Program, testClip } from '../support/ffmpeg.ts'
import { missing } from '../support/peers.ts'
import { freePort, waitUntil } from '../support/service.ts'

const SECONDS = 4
const { signal } = new AbortController()

async function folderFor (t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-push-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** Publishes the clip as fast as it is taken. `startMs`: the first timestamp, so that extended ones are tried, too. */
async function publish (port: number, streamKey: string, handshake: HandshakeKind, startMs = 0): Promise<void> {
  const clip = clipOf(parseFlv(await readFile(await testClip(SECONDS, { size: '640x360', bframes: 2, encoder: ['-preset', 'veryfast'] }))))
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  await using client = await ClientConnection.publish(socket, { app: 'live', tcUrl: `rtmp://127.0.0.1:${port}/live`, streamKey, clock, signal, withinMs: 10_000, handshake })
  client.metadata({ width: 640, height: 360, framerate: 30, videocodecid: 7, audiocodecid: 10, encoder: 'AuraLink' })
  for (const { type, timestamp, body } of [...clip.configs, ...clip.frames]) {
    if (type !== 'script') client[type](body, timestamp + startMs)
    while (client.unsentBytes > 1 << 20) await sleep(5)
  }
  await waitUntil('everything is sent', 10_000, () => client.unsentBytes === 0)
}

async function judge (file: string): Promise<void> {
  const content = await analyse(file)
  assert.deepEqual([content.frames, content.flashes.length, content.beeps.length], [SECONDS * 30, SECONDS, SECONDS])
  for (const offset of soundOffsets(content)) assert.ok(Math.abs(offset) < 0.05, `a beep ${offset} s after its flash`)
}

for (const [handshake, startMs] of [['simple', 0], ['digest', 2 ** 24 - 2000]] as const) {
  test(`ffmpeg as the server, ${handshake} handshake, from ${startMs} ms on`, { skip: missing('ffmpeg') }, async t => {
    const file = path.join(await folderFor(t), 'pushed.mkv')
    const port = await freePort()
    await using server = ffmpeg('-listen', '1', '-i', `rtmp://127.0.0.1:${port}/live/KEY`, '-c', 'copy', file)
    let published: unknown
    await waitUntil('ffmpeg listens', 10_000, async () => {
      published = await publish(port, 'KEY', handshake, startMs).then(() => undefined, error => error)
      return (published as { code?: string } | undefined)?.code !== 'ECONNREFUSED'
    })
    assert.equal(published, undefined)
    await server.succeeded()
    await judge(file)
  })
}

test('nginx-rtmp as the server', { skip: missing('nginx', 'ffmpeg') }, async t => {
  const folder = await folderFor(t)
  const port = await freePort()
  await writeFile(path.join(folder, 'nginx.conf'), `
    load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr error;
    events { worker_connections 64; }
    rtmp { server { listen 127.0.0.1:${port}; access_log off; application live { live on; record all; record_path ${folder}; } } }
  `)
  await using _server = new Program('/usr/sbin/nginx', ['-p', folder, '-e', 'stderr', '-c', path.join(folder, 'nginx.conf')])
  await waitUntil('nginx listens', 10_000, async () => {
    const socket = connect(port, '127.0.0.1')
    const up = await once(socket, 'connect').then(() => true, () => false)
    socket.destroy()
    return up
  })
  await publish(port, 'KEY', 'simple')
  await waitUntil('the recording is there', 5000, async () => (await readdir(folder)).some(name => name.endsWith('.flv')))
  await sleep(500) // nginx-rtmp writes the last pieces when it has noticed the goodbye.
  await judge(path.join(folder, (await readdir(folder)).find(name => name.endsWith('.flv'))!))
})
