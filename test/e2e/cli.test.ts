// An administrator's shell against the real service.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import test from 'node:test'
import { promisify } from 'node:util'
import { startService } from '../support/service.ts'

const run = promisify(execFile)

test('keys are made, used, listed without their secrets and revoked; mistakes are explained', { timeout: 120_000 }, async () => {
  await using service = await startService()
  const env = { ...process.env, AURALINK_URL: service.url, AURALINK_ADMIN_API_KEY: service.apiKey }
  const cli = async (...args: string[]): Promise<any> => JSON.parse((await run(process.execPath, ['src/cli.ts', ...args], { env })).stdout)
  const fails = async (args: string[], more: Record<string, string>, expected: RegExp): Promise<void> => {
    await assert.rejects(run(process.execPath, ['src/cli.ts', ...args], { env: { ...env, ...more } }), (error: { code: number, stderr: string }) => {
      assert.equal(error.code, 1)
      assert.match(error.stderr, expected)
      return true
    })
  }
  const status = async (key: string): Promise<number> => (await fetch(`${service.url}/api/v1/conferences`, { headers: { 'X-AuraLink-API-Key': key } })).status

  const { id, key, scopes } = await cli('keys', 'create', '--name', 'ci', '--scopes', 'rooms, record')
  assert.deepEqual(scopes, ['rooms', 'record'])
  assert.equal(await status(key), 200)
  const listed = await cli('keys', 'list')
  assert.ok(listed.items.some((item: { id: string }) => item.id === id))
  assert.ok(!JSON.stringify(listed).includes(key))
  assert.deepEqual(await cli('keys', 'revoke', id), { revoked: id })
  assert.equal(await status(key), 401)

  await fails(['keys', 'revoke', id], {}, /no such key/)
  await fails(['keys', 'create', '--name', 'x', '--scopes', 'everything'], {}, /scopes/)
  await fails(['keys', 'list'], { AURALINK_ADMIN_API_KEY: 'wrong' }, /credentials/i)
  await fails(['keys', 'list'], { AURALINK_URL: 'http://127.0.0.1:9' }, /is the service running/)
  await fails(['--data-dir', '/nonexistent', 'keys', 'list'], { AURALINK_ADMIN_API_KEY: '' }, /no key/)
})
