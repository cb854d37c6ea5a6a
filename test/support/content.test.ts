import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import test from 'node:test'
import { analyse, soundOffsets } from './content.ts'
import { ffmpeg, testClip } from './ffmpeg.ts'
import { missing } from './peers.ts'

const skip = missing('ffmpeg')

test('a test clip holds a flash and a beep a second, together', { skip }, async () => {
  const content = await analyse(await testClip(5))
  assert.equal(content.frames, 150)
  assert.equal(content.flashes.length, 5)
  assert.equal(content.beeps.length, 5)
  assert.ok(Math.abs(content.durationS - 5) < 0.1, `${content.durationS} s`)
  content.flashes.forEach((at, index) => assert.ok(Math.abs(at - index - content.flashes[0]!) < 0.04, `flash ${index} at ${at}`))
  for (const offset of soundOffsets(content)) assert.ok(Math.abs(offset) < 0.05, `a beep ${offset} s after its flash`)
})

test('sound that is late is measured as such', { skip }, async t => {
  const clip = await testClip(5)
  const late = `${clip}.${process.pid}.late.mkv`
  t.after(() => rm(late, { force: true }))
  await ffmpeg('-i', clip, '-itsoffset', '0.2', '-i', clip, '-map', '0:v', '-map', '1:a', '-c', 'copy', late).succeeded()
  for (const offset of soundOffsets(await analyse(late))) assert.ok(Math.abs(offset - 0.2) < 0.05, `${offset} s`)
})

test('a file with one stream only', { skip }, async t => {
  const clip = await testClip(5)
  const silent = `${clip}.${process.pid}.silent.mp4`
  t.after(() => rm(silent, { force: true }))
  await ffmpeg('-i', clip, '-an', '-c', 'copy', silent).succeeded()
  const content = await analyse(silent)
  assert.equal(content.flashes.length, 5)
  assert.deepEqual(content.beeps, [])
})
