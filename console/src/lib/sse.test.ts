import assert from 'node:assert/strict'
import test from 'node:test'
import { EventReader } from './sse.ts'

const text = 'retry: 2000\n\nid: 7\nevent: session.active\ndata: {"a":1}\n\n: still here\n\nid: 8\r\ndata: two\r\ndata:lines\r\n\r\nevent: empty\n\ndata: last\n\n'
const expected = [
  { id: '7', type: 'session.active', data: '{"a":1}' },
  { id: '8', type: 'message', data: 'two\nlines' },
  { id: '8', type: 'message', data: 'last' }
]

test('a stream is cut into events, wherever the network cuts it', () => {
  assert.deepEqual(new EventReader().push(text), expected)
  for (const size of [1, 2, 3, 7]) {
    const reader = new EventReader()
    const events = []
    for (let at = 0; at < text.length; at += size) events.push(...reader.push(text.slice(at, at + size)))
    assert.deepEqual(events, expected, `pieces of ${size}`)
  }
})

test('what is not finished is not an event yet', () => {
  const reader = new EventReader()
  assert.deepEqual(reader.push('data: half'), [])
  assert.deepEqual(reader.push(' a line\n'), [])
  assert.deepEqual(reader.push('\n'), [{ id: '', type: 'message', data: 'half a line' }])
})
