import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import test from 'node:test'
import { readShared } from './shared-read.ts'

async function pair (options = { pauseOnConnect: true }): Promise<{ server: Server, near: Socket, far: Socket }> {
  const server = createServer(options).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = await once(server, 'connection') as [Socket]
  return { server, near: readShared(accepted), far }
}

test('what is sent arrives, both ways, and each side\'s end reaches the other', async () => {
  const { server, near, far } = await pair()
  let heard = ''
  near.on('data', bytes => { heard += bytes.toString() })
  far.write('hello ')
  far.end('you')
  const ended = once(near, 'end')
  near.write('and you')
  const [answer] = await once(far, 'data')
  await ended
  assert.deepEqual([heard, answer.toString()], ['hello you', 'and you'])
  near.end()
  await Promise.all([once(near, 'close'), once(far, 'close')])
  server.close()
  await once(server, 'close')
})

test('a listener that pauses is not called until it resumes', async () => {
  const { server, near, far } = await pair()
  let bytes = 0
  near.on('data', piece => { bytes += piece.length; near.pause() })
  far.write(Buffer.alloc(300_000))
  while (bytes === 0) await new Promise(setImmediate)
  const first = bytes
  await new Promise(resolve => setTimeout(resolve, 50))
  assert.equal(bytes, first)
  near.on('pause', () => setImmediate(() => near.resume()))
  near.resume()
  while (bytes < 300_000) await new Promise(setImmediate)
  far.destroy()
  await once(near, 'close')
  server.close()
})

test('a peer that resets the connection closes it, and so does destroy()', async () => {
  const { server, near, far } = await pair()
  near.on('error', () => {}).on('data', () => {})
  const closed = new Promise(resolve => near.once('close', resolve)) // once() would reject with the reset.
  far.resetAndDestroy()
  await closed
  const other = await pair()
  other.near.destroy()
  await once(other.near, 'close')
  assert.equal(other.near.destroyed, true)
  other.far.destroy()
  other.server.close()
  server.close()
})

test('the addresses are those of the connection', async () => {
  const { server, near, far } = await pair()
  assert.deepEqual([near.remoteAddress, near.remotePort], ['127.0.0.1', far.localPort])
  near.destroy()
  far.destroy()
  server.close()
})
