import assert from 'node:assert/strict'
import test from 'node:test'
import { codec } from '../../media/codec.ts'
import { Room } from '../../room/room.ts'
import { orderLayers, PublishedLayers } from './layers.ts'

const orders = [
  { offered: ['q', 'h', 'f'], lowestFirst: ['q', 'h', 'f'] },
  { offered: ['f', 'q'], lowestFirst: ['q', 'f'] },
  { offered: ['h', 'm', 'l'], lowestFirst: ['l', 'm', 'h'] },
  { offered: ['0', '1', '2'], lowestFirst: ['2', '1', '0'] },
  { offered: [], lowestFirst: [] }
]

for (const { offered, lowestFirst } of orders) {
  test(`layers ${offered.join(' ')} are ${lowestFirst.join(' ')}, lowest first`, () => assert.deepEqual(orderLayers(offered), lowestFirst))
}

test('a participant has one track however many layers come, in whatever order', () => {
  const ann = new Room('hall').join({ identity: 'ann', source: 'whip' })
  const layers = new PublishedLayers(ann, codec('VP8'), ['q', 'h', 'f'])
  const [low, best] = [layers.publish('q'), layers.publish('f')]
  assert.deepEqual([...ann.tracks.values()], [best])
  assert.deepEqual(best.layers, [low, best])
  const middle = layers.publish('h')
  assert.deepEqual(best.layers, [low, middle, best])
  layers.unpublish('f')
  assert.deepEqual([ann.tracks.size, best.layers.length], [1, 2])
  layers.unpublish('q')
  layers.unpublish('h')
  assert.equal(ann.tracks.size, 0)
})
