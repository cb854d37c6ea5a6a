import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import test from 'node:test'
import { admin, controlOptions, controlParts } from '../../test/support/control.ts'
import type { FakeEvents } from '../../test/support/control-fakes.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { limits } from './limits.ts'
import { openControl } from './server.ts'

async function open (clock = new ManualClock()) {
  const around = controlParts({ clock })
  const control = await openControl(controlOptions, around.parts)
  return {
    ...around, control, clock,
    async [Symbol.asyncDispose] () {
      await control[Symbol.asyncDispose]()
      around.dependencies[Symbol.dispose]()
      around.metrics[Symbol.dispose]()
    }
  }
}

/** A reader of the stream, and a way to wait until it has seen something. */
async function read (port: number, path: string, headers: Record<string, string> = {}) {
  const request = http.get({ port, path: `/api/v1/events/stream${path}`, headers: { ...admin, ...headers } })
  const [response] = await once(request, 'response') as [http.IncomingMessage]
  let text = ''
  response.setEncoding('utf8').on('data', chunk => { text += chunk }).on('error', () => {})
  const until = async (pattern: RegExp): Promise<void> => { while (!pattern.test(text)) await once(response, 'data', { signal: AbortSignal.timeout(10_000) }) }
  return { response, until, ids: () => [...text.matchAll(/^id: (\d+)$/gm)].map(match => Number(match[1])), text: () => text, [Symbol.dispose]: () => { request.destroy() } }
}

const settled = async (events: FakeEvents, listeners: number): Promise<void> => {
  for (let i = 0; i < 1000 && events.listeners !== listeners; i++) await new Promise(resolve => setTimeout(resolve, 5))
  assert.equal(events.listeners, listeners)
}

test('events come as they happen, each once, in order, from where the reader was', async () => {
  await using it = await open()
  for (let i = 0; i < 250; i++) it.events.append('session.started', { i }, 'hall')
  using fresh = await read(it.control.port, '')
  assert.match(String(fresh.response.headers['content-type']), /^text\/event-stream/)
  using back = await read(it.control.port, '?after=3', { 'last-event-id': '200' })
  await back.until(/^id: 250$/m)
  it.events.append('session.ended', { reason: 'left' }, 'hall')
  await Promise.all([fresh.until(/^id: 251$/m), back.until(/^id: 251$/m)])
  assert.deepEqual(fresh.ids(), [251], 'who says nothing begins now')
  assert.deepEqual(back.ids(), Array.from({ length: 51 }, (_, i) => 201 + i), 'Last-Event-ID is stronger than after')
  const [, data = ''] = /^event: session\.ended\ndata: (.*)$/m.exec(fresh.text()) ?? []
  assert.deepEqual([JSON.parse(data).type, JSON.parse(data).data], ['session.ended', { reason: 'left' }])
})

test('one room’s events only, where one room is asked for', async () => {
  await using it = await open()
  using reader = await read(it.control.port, '?after=0&room=hall')
  it.events.append('a.b', {}, 'other')
  it.events.append('a.b', {}, 'hall')
  await reader.until(/^id: 2$/m)
  assert.deepEqual(reader.ids(), [2])
})

test('a quiet stream shows that it lives, and ends in time to be looked at again', async () => {
  await using it = await open()
  using reader = await read(it.control.port, '')
  await settled(it.events, 1)
  it.clock.advance(limits.eventHeartbeatMs)
  await reader.until(/^: still here$/m)
  it.clock.advance(limits.eventStreamMs)
  await once(reader.response, 'close')
  await settled(it.events, 0)
})

test('a reader that leaves, or does not read, is let go of', async () => {
  await using it = await open()
  {
    using _reader = await read(it.control.port, '')
    await settled(it.events, 1)
  }
  await settled(it.events, 0)
  using slow = await read(it.control.port, '')
  slow.response.pause()
  await settled(it.events, 1)
  for (let i = 0; i < 200; i++) it.events.append('big.one', { text: 'x'.repeat(100_000) })
  for (let i = 0; i < 100 && it.events.listeners > 0; i++) {
    await new Promise(resolve => setTimeout(resolve, 20))
    it.clock.advance(1_000)
  }
  await settled(it.events, 0)
})

test('there is a limit to streams, and closing ends them all', async () => {
  await using it = await open()
  const readers = await Promise.all(Array.from({ length: limits.eventStreams }, () => read(it.control.port, '')))
  const refused = await fetch(`${it.control.url}/api/v1/events/stream`, { headers: admin })
  assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [503, 'overloaded'])
  await it.control[Symbol.asyncDispose]()
  for (const reader of readers) if (!reader.response.closed) await once(reader.response, 'close')
})

test('pages of events, for who would rather ask', async () => {
  await using it = await open()
  for (let i = 0; i < 5; i++) it.events.append('a.b')
  const list = async (query: string) => (await (await fetch(`${it.control.url}/api/v1/events${query}`, { headers: admin })).json()) as { items: { sequence: number }[], next: string | null }
  const first = await list('?limit=2')
  assert.deepEqual([first.items.map(e => e.sequence), first.next], [[1, 2], '2'])
  assert.deepEqual((await list('?limit=3&after=2')).items.map(e => e.sequence), [3, 4, 5])
  assert.equal((await list('?limit=3&after=2')).next, null)
  const newest = await list('?last=2')
  assert.deepEqual([newest.items.map(e => e.sequence), newest.next], [[4, 5], null])
})
