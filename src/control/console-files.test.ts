import assert from 'node:assert/strict'
import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { controlUnderTest } from '../../test/support/control.ts'

test('the console’s page for its own paths, its files for ever, and nothing else', async () => {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'auralink-console-'))
  await mkdir(path.join(folder.path, 'assets'))
  await writeFile(path.join(folder.path, 'index.html'), '<!doctype html><title>console</title>')
  await writeFile(path.join(folder.path, 'assets', 'app-1a2b3c.js'), 'export {}')
  await writeFile(path.join(path.dirname(folder.path), 'auralink-secret'), 'canary')
  await using it = await controlUnderTest({ options: { consoleFolder: folder.path } })
  const get = (url: string) => it.app.inject({ method: 'GET', url })

  for (const url of ['/', '/call/hall']) {
    const page = await get(url)
    assert.deepEqual([page.statusCode, page.headers['content-type'], page.headers['cache-control']], [200, 'text/html; charset=utf-8', 'no-cache'], url)
    assert.match(page.body, /console/)
  }
  const script = await get('/assets/app-1a2b3c.js')
  assert.deepEqual([script.statusCode, script.headers['cache-control']], [200, 'public, max-age=31536000, immutable'])
  assert.match(String(script.headers['content-type']), /javascript/)
  const again = await it.app.inject({ method: 'GET', url: '/', headers: { 'if-none-match': String((await get('/')).headers['etag']) } })
  assert.equal(again.statusCode, 304)

  for (const url of ['/nothing', '/call/a/b', '/assets/none.js', '/../auralink-secret', '/%2e%2e/auralink-secret', '/..%2fauralink-secret', '/....//auralink-secret',
    '/assets/%00', '//etc/passwd', `/${'a'.repeat(300)}`]) {
    const answer = await get(url)
    assert.ok([400, 404].includes(answer.statusCode), `${url}: ${answer.statusCode}`)
    assert.doesNotMatch(answer.body, /canary|root:/, url)
  }
})

test('a console not built says how to build it', async () => {
  await using it = await controlUnderTest({ options: { consoleFolder: '/nonexistent' } })
  assert.match((await it.app.inject({ method: 'GET', url: '/' })).body, /npm run console/)
})
