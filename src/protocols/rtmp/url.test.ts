import assert from 'node:assert/strict'
import test from 'node:test'
import { parseRtmpUrl, publishTarget } from './url.ts'

test('the ways in which encoders split one URL', () => {
  const rows: [app: string, name: string, expectedApp: string, key: string][] = [
    ['live', 'KEY', 'live', 'KEY'],
    ['live/', 'KEY', 'live', 'KEY'],
    ['/live//', '/KEY', 'live', 'KEY'],
    ['live', 'KEY?token=1&x=2', 'live', 'KEY'],
    ['live?token=1', 'KEY', 'live', 'KEY'],
    ['live/KEY', '', 'live', 'KEY'],
    ['live/KEY/', '', 'live', 'KEY'],
    ['studio/live', 'KEY', 'studio/live', 'KEY'],
    ['live', '', '', 'live'],
    ['', '', '', '']
  ]
  for (const [app, name, expectedApp, streamKey] of rows) assert.deepEqual(publishTarget(app, name), { app: expectedApp, streamKey }, `${app} + ${name}`)
})

test('destinations', () => {
  const rows: [url: string, key: string | undefined, host: string, port: number, app: string, streamKey: string, tcUrl: string][] = [
    ['rtmp://a.example/live2/KEY', undefined, 'a.example', 1935, 'live2', 'KEY', 'rtmp://a.example/live2'],
    ['rtmps://a.example:444/x/y/KEY?backup=1', undefined, 'a.example', 444, 'x/y', 'KEY?backup=1', 'rtmps://a.example:444/x/y'],
    ['rtmps://a.example/rtmp/', 'KEY', 'a.example', 443, 'rtmp', 'KEY', 'rtmps://a.example/rtmp'],
    ['rtmp://a.example/live2?backup=1', 'KEY', 'a.example', 1935, 'live2?backup=1', 'KEY', 'rtmp://a.example/live2?backup=1'],
    ['rtmp://[::1]:1936/live/KEY', undefined, '::1', 1936, 'live', 'KEY', 'rtmp://[::1]:1936/live']
  ]
  for (const [url, key, host, port, app, streamKey, tcUrl] of rows) {
    assert.deepEqual(parseRtmpUrl(url, key), { host, port, secure: url.startsWith('rtmps'), app, streamKey, tcUrl }, url)
  }
})

test('what is no destination is refused', () => {
  for (const url of ['', 'http://a.example/live/KEY', 'rtmp:///live/KEY', 'rtmp://a.example', 'rtmp://a.example/KEY', 'rtmp://a.example/live/']) {
    assert.throws(() => parseRtmpUrl(url), { code: 'bad_request' }, url)
  }
})
