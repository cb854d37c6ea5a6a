import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort } from '../../test/support/service.ts'
import { Child } from '../harness/child.ts'
import type { RtmpPeer } from './peer.ts'

/** The npm package of that name, as its own command starts it. */
export async function nodeMediaServer (): Promise<RtmpPeer> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-nms-'))
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const home = path.dirname(createRequire(import.meta.url).resolve('node-media-server/package.json'))
  const [rtmp, http] = await Promise.all([freePort(), freePort()])
  const config = path.join(folder, 'config.json')
  await writeFile(config, JSON.stringify({
    bind: '127.0.0.1', rtmp: { port: rtmp }, http: { port: http }, auth: { play: false, publish: false }, store: { path: path.join(folder, 'data') }, record: { auto: false, path: folder }
  }))
  const child = stack.use(new Child('measured', [process.execPath, path.join(home, 'bin/app.js'), '-c', config, '--no-admin'], { cwd: folder }))
  await child.printed(/Rtmp Server listening/i)
  const { version } = JSON.parse(await readFile(path.join(home, 'package.json'), 'utf8')) as { version: string }
  const owned = stack.move()
  let destinations = 0
  return {
    name: 'node-media-server', version, pid: child.pid,
    destination: async () => ({ url: `rtmp://127.0.0.1:${rtmp}/live`, streamKey: `stream-${++destinations}` }),
    [Symbol.asyncDispose]: () => owned.disposeAsync()
  }
}
