import assert from 'node:assert/strict'
import test from 'node:test'
import { controlParts, controlOptions, service } from '../../test/support/control.ts'
import { systemClock } from '../lib/clock.ts'
import { openControl } from './server.ts'

test('listens on the ports it says, and lets go of them', async () => {
  const around = controlParts({ clock: systemClock })
  using _dependencies = around.dependencies
  using _metrics = around.metrics
  await using control = await openControl({ ...controlOptions, metricsPort: 0 }, around.parts)
  assert.equal((await fetch(`${control.url}/health`)).status, 200)
  const metrics = await fetch(`http://127.0.0.1:${control.metricsPort}/metrics`)
  assert.match(await metrics.text(), /^auralink_bridge_status 1$/m)
  assert.equal((await fetch(`http://127.0.0.1:${control.metricsPort}/health`)).status, 404, 'nothing else is served there')
  await control[Symbol.asyncDispose]()
  await assert.rejects(fetch(`${control.url}/health`))
})

test('a port in use is an error that says so, and nothing stays open', async () => {
  const around = controlParts({ clock: systemClock })
  using _dependencies = around.dependencies
  using _metrics = around.metrics
  await using control = await openControl(controlOptions, around.parts)
  await assert.rejects(openControl({ ...controlOptions, service, port: 0, metricsPort: control.port }, around.parts), { code: 'EADDRINUSE' })
})
