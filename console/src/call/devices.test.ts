import assert from 'node:assert/strict'
import test from 'node:test'
import { openDevice, whyNot } from './devices.ts'

test('each way to have no camera or microphone has its own words', () => {
  const rows: [string, RegExp, RegExp][] = [
    ['NotAllowedError', /does not let/, /Allow it/], ['NotFoundError', /There is no camera/, /Connect one/], ['NotReadableError', /cannot be used/, /Another program/],
    ['OverconstrainedError', /gone/, /another/], ['TypeError', /could not be opened/, /join without/]
  ]
  for (const [error, problem, remedy] of rows) {
    const why = whyNot('video', error)
    assert.match(why.message, problem)
    assert.match(why.remedy, remedy)
  }
  assert.match(whyNot('audio', 'NotFoundError').message, /microphone/)
})

test('a page from an insecure origin has no devices at all, and says how to come by them', async () => {
  await assert.rejects(openDevice({ kind: 'audio' }), { name: 'NoDevice', message: /https/, remedy: /localhost/ })
})
