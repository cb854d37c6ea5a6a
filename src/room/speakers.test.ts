import assert from 'node:assert/strict'
import test from 'node:test'
import { codec, opus } from '../media/codec.ts'
import { Room } from './room.ts'
import type { Track } from './track.ts'

const LOUD = 25
const SILENT = 127

function talk (tracks: readonly (readonly [Track, number])[], fromMs: number, toMs: number): void {
  for (let now = fromMs; now < toMs; now += 20) for (const [track, level] of tracks) track.hear(level, now)
}

test('listens while somebody wants to know, tells of each change, and forgets who leaves', () => {
  const room = new Room('hall')
  const { speakers } = room
  const [ann, ben] = ['ann', 'ben'].map(identity => room.join({ identity, source: 'test' })) as [ReturnType<Room['join']>, ReturnType<Room['join']>]
  const annSound = ann.publish(opus)
  const picture = ann.publish(codec('H264'))
  talk([[annSound, LOUD]], 0, 2000)
  assert.equal(speakers.dominant, undefined, 'nobody asked')
  assert.equal(annSound.audioLevel, LOUD)

  const told: (string | undefined)[] = []
  const first = speakers.follow(() => told.push(speakers.dominant?.info.identity))
  const second = speakers.follow(() => {})
  const benSound = ben.publish(opus) // Whoever comes later is heard too.
  assert.equal(picture.onAudioLevel, undefined)
  talk([[annSound, LOUD], [benSound, SILENT]], 10_000, 13_000)
  talk([[annSound, SILENT], [benSound, LOUD]], 13_000, 16_000)
  assert.deepEqual([...new Set(told.filter(name => name !== undefined))], ['ann', 'ben'])
  assert.ok(told.length <= 6, `told ${told.length} times in six seconds`)
  assert.deepEqual(speakers.rank([ann, ben]).map(({ info }) => info.identity), ['ben', 'ann'])
  assert.ok(speakers.isSpeaking(ben) && !speakers.isSpeaking(ann))

  ben[Symbol.dispose]()
  assert.equal(speakers.dominant, undefined)
  first[Symbol.dispose]()
  assert.ok(annSound.onAudioLevel, 'somebody still wants to know')
  second[Symbol.dispose]()
  assert.equal(annSound.onAudioLevel, undefined)
})
