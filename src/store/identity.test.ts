import assert from 'node:assert/strict'
import test from 'node:test'
import { firstFree, slugOf } from './identity.ts'

test('a name becomes something safe to type', () => {
  const rows: [string, string][] = [
    ['Camera', 'camera'], ['  Kamera Süd (2) ', 'kamera-sud-2'], ['a/b?c&d', 'a-b-c-d'], ['ﬁne №5', 'fine-no5'], ['---', ''], ['舞台', ''],
    [`${'x'.repeat(47)} y`, 'x'.repeat(47)], ['x'.repeat(300), 'x'.repeat(48)]
  ]
  for (const [name, slug] of rows) assert.equal(slugOf(name), slug, name)
})

test('who has the name of another gets a number', () => {
  assert.equal(firstFree('camera', new Set()), 'camera')
  assert.equal(firstFree('camera', new Set(['camera', 'camera-3'])), 'camera-2')
  assert.equal(firstFree('camera', new Set(['camera', 'camera-2'])), 'camera-3')
})
