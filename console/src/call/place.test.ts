import assert from 'node:assert/strict'
import test from 'node:test'
import { belongsTo, identityFor, invitation, nameOf, roomOf, screenOf, tokenOf } from './place.ts'

test('a call has an address, and an invitation is that address with a token', () => {
  const rows: [string, string | undefined][] = [['/call/hall', 'hall'], ['/call/a.b~c-1/', 'a.b~c-1'], ['/', undefined], ['/call/', undefined], ['/call/a/b', undefined], ['/call/%20', undefined]]
  for (const [path, room] of rows) assert.equal(roomOf(path), room, path)
  const link = new URL(invitation('https://media.example', 'hall', 'a.b-c_d'))
  assert.deepEqual([roomOf(link.pathname), tokenOf(link.hash)], ['hall', 'a.b-c_d'])
  assert.deepEqual([tokenOf(''), tokenOf('#live')], [undefined, undefined])
})

test('people are called by their names, and two of one name are two', () => {
  const ann = identityFor('  Ann Lee\u0007 ', 'x1y2')
  assert.equal(ann, 'Ann Lee~x1y2')
  assert.deepEqual([nameOf(ann), nameOf(screenOf(ann))], ['Ann Lee', 'Ann Lee’s screen'])
  assert.deepEqual([belongsTo(ann, ann), belongsTo(screenOf(ann), ann), belongsTo(identityFor('Ann Lee', 'zzzz'), ann)], [true, true, false])
  assert.equal(nameOf('camera-1', 'Camera 1'), 'Camera 1', 'an encoder')
  assert.equal(identityFor(' \n', 'abcd'), 'Guest~abcd')
  assert.ok(screenOf(identityFor('x'.repeat(500), 'abcd')).length <= 128)
})
