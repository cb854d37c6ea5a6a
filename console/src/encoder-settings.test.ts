import assert from 'node:assert/strict'
import test from 'node:test'
import { doorOf, ffmpegLine, ffmpegSources, type FfmpegSource, gstreamerLine, publishUrl } from './encoder-settings.ts'

const door = { server: 'rtmp://studio.example:1935/live', key: 'k3y' }

test('every command is one line, ends in the stream, and asks for what browsers can show', () => {
  for (const source of Object.keys(ffmpegSources) as FfmpegSource[]) {
    const line = ffmpegLine(door, source)
    assert.match(line, /^ffmpeg .* -f flv 'rtmp:\/\/studio\.example:1935\/live\/k3y'$/)
    for (const option of ['-bf 0', '-g 60', '-tune zerolatency', '-b:v 2500k', '-c:a aac']) assert.ok(line.includes(option), option)
    assert.doesNotMatch(line, /\n/)
  }
  const line = gstreamerLine(door)
  for (const option of ["location='rtmp://studio.example:1935/live/k3y'", 'bframes=0', 'key-int-max=60', 'tune=zerolatency', 'bitrate=2500']) assert.ok(line.includes(option), option)
})

test('a key cannot leave its quotes', () => {
  assert.ok(ffmpegLine({ server: 'rtmp://x/live', key: "a'; rm -rf ~" }).endsWith(`'rtmp://x/live/a'\\''; rm -rf ~'`))
})

test('server and key come apart whether or not the URL carries the key', () => {
  for (const url of ['rtmp://x:1935/live', 'rtmp://x:1935/live/', 'rtmp://x:1935/live/abc']) {
    assert.deepEqual(doorOf(url, 'abc'), { server: 'rtmp://x:1935/live', key: 'abc' })
    assert.equal(publishUrl(doorOf(url, 'abc')), 'rtmp://x:1935/live/abc')
  }
})
