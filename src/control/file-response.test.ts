import assert from 'node:assert/strict'
import { mkdtempDisposable, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { admin, controlOptions, controlParts, controlUnderTest } from '../../test/support/control.ts'
import { systemClock } from '../lib/clock.ts'
import { parseRange } from './file-response.ts'
import { openControl } from './server.ts'

const content = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251))

async function recordedFile () {
  const folder = await mkdtempDisposable(path.join(tmpdir(), 'auralink-file-'))
  const file = path.join(folder.path, 'hall 1.mp4')
  await writeFile(file, content)
  return { file, folder, [Symbol.asyncDispose]: () => folder.remove() }
}

test('one range of bytes, as RFC 9110 reads it', () => {
  for (const [header, size, expected] of [
    [undefined, 100, undefined],
    ['bytes=0-9', 100, { start: 0, end: 9 }],
    ['bytes=90-', 100, { start: 90, end: 99 }],
    ['bytes=90-200', 100, { start: 90, end: 99 }],
    ['bytes=-10', 100, { start: 90, end: 99 }],
    ['bytes=-200', 100, { start: 0, end: 99 }],
    ['bytes=100-', 100, 'unsatisfiable'],
    ['bytes=-0', 100, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=9-0', 100, undefined],
    ['bytes=-', 100, undefined],
    ['bytes=0-1,3-4', 100, undefined],
    ['items=0-1', 100, undefined],
    ['bytes=0-99999999999999999999', 100, undefined]
  ] as const) assert.deepEqual(parseRange(header, size), expected, String(header))
})

test('a recording’s file: whole, by range, only if changed, head alone', async () => {
  await using it = await controlUnderTest()
  await using recorded = await recordedFile()
  it.recordings.path = recorded.file
  const { id } = await it.recordings.start({ room: 'hall' })
  const url = `/api/v1/recordings/${id}/file`
  const get = (headers: Record<string, string> = {}, query = '') => it.ask('GET', url + query, { headers: { ...admin, ...headers } })

  const whole = await get()
  assert.equal(whole.statusCode, 200)
  assert.ok(whole.rawPayload.equals(content))
  assert.deepEqual([whole.headers['content-type'], whole.headers['content-length'], whole.headers['accept-ranges']], ['video/mp4', '1000', 'bytes'])
  assert.equal(whole.headers['content-disposition'], 'inline; filename="hall_1.mp4"')
  assert.match((await get({}, '?download=1')).headers['content-disposition'] as string, /^attachment/)
  const etag = String(whole.headers['etag'])

  const part = await get({ range: 'bytes=10-19', 'if-range': etag })
  assert.deepEqual([part.statusCode, part.headers['content-range'], part.rawPayload.equals(content.subarray(10, 20))], [206, 'bytes 10-19/1000', true])
  assert.equal((await get({ range: 'bytes=10-19', 'if-range': '"older"' })).statusCode, 200, 'the file has changed since')
  const beyond = await get({ range: 'bytes=1000-' })
  assert.deepEqual([beyond.statusCode, beyond.headers['content-range'], beyond.json().code], [416, 'bytes */1000', 'range_not_satisfiable'])
  assert.equal((await get({ 'if-none-match': `"x", W/${etag}` })).statusCode, 304)

  const head = await it.ask('HEAD', url)
  assert.deepEqual([head.statusCode, head.headers['content-length'], head.rawPayload.length], [200, '1000', 0])
  assert.equal((await get({}, '?part=2')).statusCode, 404)
  assert.equal((await get({}, '?part=0')).statusCode, 400)
})

test('a link in the place of a file is not followed', async () => {
  await using it = await controlUnderTest()
  await using recorded = await recordedFile()
  it.recordings.path = path.join(recorded.folder.path, 'link.mp4')
  await symlink('/etc/hostname', it.recordings.path)
  const { id } = await it.recordings.start({ room: 'hall' })
  assert.equal((await it.ask('GET', `/api/v1/recordings/${id}/file`)).statusCode, 404)
})

test('over a socket: a reader who leaves half way takes nothing down', async () => {
  const around = controlParts({ clock: systemClock })
  using _dependencies = around.dependencies
  using _metrics = around.metrics
  await using recorded = await recordedFile()
  await writeFile(recorded.file, Buffer.alloc(8 << 20))
  around.recordings.path = recorded.file
  const { id } = await around.recordings.start({ room: 'hall' })
  await using control = await openControl(controlOptions, around.parts)
  const url = `${control.url}/api/v1/recordings/${id}/file`
  const leaving = new AbortController()
  const answer = await fetch(url, { headers: admin, signal: leaving.signal })
  await answer.body!.getReader().read()
  leaving.abort()
  const again = await fetch(url, { headers: { ...admin, range: 'bytes=-5' } })
  assert.deepEqual([again.status, (await again.arrayBuffer()).byteLength], [206, 5])
})
