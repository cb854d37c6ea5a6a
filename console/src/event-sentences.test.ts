import assert from 'node:assert/strict'
import test from 'node:test'
import type { ServiceEvent } from './api-types.ts'
import { eventSentence } from './event-sentences.ts'

const event = (type: string, data: unknown = {}): ServiceEvent => ({ sequence: 1, id: 'evt_1', type, at: '2026-11-22T12:00:00Z', room: 'demo', data })

test('events read as sentences', () => {
  const rows: [string, unknown, string | undefined][] = [
    ['conference.started', {}, 'Room opened'],
    ['participant.joined', { name: 'Camera', source: 'rtmp' }, 'Camera came in by RTMP'],
    ['session.starting', { kind: 'rtmp' }, undefined],
    ['session.active', { kind: 'rtmp' }, undefined],
    ['session.quality', { kind: 'rtmp' }, undefined],
    ['session.active', { kind: 'whep' }, 'A viewer is watching'],
    ['session.ended', { kind: 'whep', reason: 'left' }, 'A viewer left'],
    ['session.ended', { kind: 'whep', reason: 'the viewer left' }, 'A viewer left'],
    ['session.ended', { kind: 'rtmp', reason: 'left' }, undefined],
    ['session.ended', { kind: 'rtmp', reason: 'ended by an administrator' }, 'RTMP ended: ended by an administrator'],
    ['session.failed', { kind: 'whip', reason: 'No media arrived in time' }, 'WHIP failed: No media arrived in time'],
    ['recording.active', { participant: 'camera' }, 'camera is being recorded'],
    ['recording.completed', { participant: 'camera', partial: true }, 'Recording of camera kept, but partial'],
    ['webhook.disabled', null, 'Webhook disabled']
  ]
  for (const [type, data, text] of rows) assert.equal(eventSentence(event(type, data))?.text, text, type)
})
