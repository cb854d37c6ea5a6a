import assert from 'node:assert/strict'
import { createServer as createHttp, type Server as HttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import test from 'node:test'
import { createServer as createTls } from 'node:tls'
import { testCertificate } from '../../test/support/test-certificate.ts'
import { AppError, type ErrorCode } from '../lib/errors.ts'
import type { Use } from './destination.ts'
import { GuardedDialer } from './guarded-dialer.ts'

/** A server on every loopback address that counts who comes. */
class Listener implements AsyncDisposable {
  connections = 0
  readonly #servers: (Server | HttpServer)[] = []
  port = 0

  static async open (server: () => Server | HttpServer, hosts = ['127.0.0.1']): Promise<Listener> {
    const listener = new Listener()
    for (const host of hosts) {
      const one = server()
      one.on('connection', () => { listener.connections++ })
      await new Promise<void>(resolve => one.listen(listener.port, host, resolve))
      listener.port = (one.address() as AddressInfo).port
      listener.#servers.push(one)
    }
    return listener
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await Promise.all(this.#servers.map(server => new Promise(resolve => {
      server.close(resolve)
      if ('closeAllConnections' in server) server.closeAllConnections()
    })))
  }
}

const refusedWith = (code: ErrorCode) => (error: unknown): boolean => {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof AppError) {
      assert.equal(at.code, code, at.message)
      return true
    }
  }
  throw error
}

/** What names lead to, in these tests. */
const names: Record<string, readonly string[]> = {
  'inside.test': ['10.0.0.1'], 'loop.test': ['127.0.0.1'], 'loop6.test': ['::1'], 'mixed.test': ['8.8.8.8', '127.0.0.1'], 'mapped.test': ['::ffff:127.0.0.1'],
  'localhost': ['127.0.0.1'], '2130706433': ['127.0.0.1'], '0x7f.1': ['127.0.0.1'], 'metadata.google.internal': ['8.8.8.8']
}
const lookup = async (host: string): Promise<readonly string[]> => names[host] ?? []

test('nothing on the list of forbidden destinations is connected to', async () => {
  await using listener = await Listener.open(() => createServer(socket => socket.end()), ['127.0.0.1', '::1'])
  const { port } = listener
  await using dialer = new GuardedDialer({ lookup, extraPorts: [port] })
  const hosts = [
    '127.0.0.1', '127.1', '127.255.255.254', '0.0.0.0', '0', '[::]', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:10.0.0.1]', '[0:0:0:0:0:ffff:7f00:1]', '10.0.0.1', '172.16.0.1', '192.168.0.1',
    '169.254.169.254', '100.64.0.1', '2130706433', '0x7f.1', '0x7f000001', '017700000001', 'localhost', 'localhost.', 'LOCALHOST', 'a.localhost', '[fe80::1]', '[fd00::1]', '224.0.0.1', '255.255.255.255',
    'inside.test', 'loop.test', 'loop6.test', 'mixed.test', 'mapped.test', 'metadata.google.internal', 'user@127.0.0.1', 'user:pass@8.8.8.8', 'public.example@127.0.0.1', '①②⑦.0.0.1', '127。0。0。1'
  ]
  const urls: [string, Use][] = hosts.flatMap(host => [
    [`http://${host}:${port}/`, 'webhook'], [`https://${host}:${port}/x`, 'webhook'], [`http://${host}:${port}/`, 'whip'], [`https://${host}:${port}/`, 'storage'],
    [`rtmp://${host}:${port}/live/key`, 'push'], [`rtmps://${host}:${port}/live/key`, 'push']
  ] as [string, Use][])
  const odd: [string, Use][] = [
    ['file:///etc/passwd', 'webhook'], ['gopher://127.0.0.1:6379/_INFO', 'webhook'], ['unix:/var/run/docker.sock', 'webhook'], ['http+unix://%2Fvar%2Frun%2Fdocker.sock/', 'webhook'],
    [`ftp://127.0.0.1:${port}/`, 'webhook'], [`rtmp://127.0.0.1:${port}/`, 'webhook'], [`http://127.0.0.1:${port}/`, 'push'], ['', 'webhook'], ['http://', 'webhook'], ['http:', 'webhook'],
    ['http://[', 'push'], [`http://a b:${port}/`, 'webhook'], ['//127.0.0.1', 'webhook'], [`http://8.8.8.8:0/${'x'.repeat(5000)}`, 'webhook'], [`  http://127.0.0.1:${port}/`, 'webhook']
  ]
  for (const [url, use] of [...urls, ...odd]) {
    await assert.rejects(dialer.check(url, use), refusedWith('destination_not_allowed'), `check ${url}`)
    await assert.rejects(dialer.connect(url, use), refusedWith('destination_not_allowed'), `connect ${url}`)
    if (use === 'push') continue
    await assert.rejects(dialer.send(url, use), refusedWith('destination_not_allowed'), `send ${url}`)
    await assert.rejects(Promise.try(() => dialer.fetch(use)(url)), refusedWith('destination_not_allowed'), `fetch ${url}`)
  }
  assert.equal(listener.connections, 0)
})

test('ports outside the use are refused, also on public hosts', async () => {
  await using dialer = new GuardedDialer({ lookup: async () => ['8.8.8.8'] })
  for (const [url, use] of [['http://h.test:6379/', 'webhook'], ['rtmp://h.test:22/live', 'push'], ['rtmp://h.test:80/live', 'push'], ['https://h.test:25/', 'whip']] as const) {
    await assert.rejects(dialer.check(url, use), refusedWith('destination_not_allowed'), url)
  }
  const usual = [['http://h.test/', 'webhook'], ['https://h.test/', 'webhook'], ['rtmp://h.test/live', 'push'], ['rtmps://h.test/live', 'push'], ['rtmps://h.test:1936/live', 'push']] as const
  for (const [url, use] of usual) await dialer.check(url, use)
})

test('a name nobody knows is not a refusal', async () => {
  await using dialer = new GuardedDialer({ lookup })
  await assert.rejects(dialer.check('https://unknown.test/', 'webhook'), refusedWith('dependency_unavailable'))
})

test('what the configuration allows is reached, by name, address, range, and on the port it names', async () => {
  await using server = await Listener.open(() => createHttp((request, response) => response.end(`hello ${request.headers.host}`)))
  const { port } = server
  const rows: [allow: string, url: string, reached: boolean][] = [
    [`loop.test:${port}`, `http://loop.test:${port}/`, true],
    [`127.0.0.0/8:${port}`, `http://loop.test:${port}/`, true],
    [`127.0.0.1:${port}`, `http://localhost:${port}/`, true],
    ['127.0.0.1', `http://loop.test:${port}/`, false],
    [`loop.test:${port}`, `http://127.0.0.1:${port}/`, false],
    [`loop.test:${port + 1}`, `http://loop.test:${port}/`, false]
  ]
  for (const [allow, url, reached] of rows) {
    await using dialer = new GuardedDialer({ lookup, allowPrivate: [allow] })
    if (reached) assert.deepEqual((await dialer.send(url, 'webhook')).text, `hello ${new URL(url).host}`)
    else await assert.rejects(dialer.send(url, 'webhook'), refusedWith('destination_not_allowed'), `${allow} ${url}`)
  }
})

test('rules that change count for new connections', async () => {
  await using server = await Listener.open(() => createHttp((_, response) => response.end('hello')))
  await using dialer = new GuardedDialer({ lookup })
  const url = `http://loop.test:${server.port}/`
  await assert.rejects(dialer.send(url, 'webhook'), refusedWith('destination_not_allowed'))
  dialer.allow({ allowPrivate: [`loop.test:${server.port}`] })
  assert.equal((await dialer.send(url, 'webhook')).text, 'hello')
  dialer.allow({})
  await assert.rejects(dialer.send(url, 'webhook'), refusedWith('destination_not_allowed'))
  assert.throws(() => dialer.allow({ allowPrivate: ['http://x'] }), refusedWith('bad_request'))
  assert.throws(() => dialer.allow({ extraPorts: ['http'] }), refusedWith('bad_request'))
})

test('the operator’s own services may be inside, but never a metadata address', async () => {
  await using server = await Listener.open(() => createHttp((_, response) => response.end('hello')))
  await using dialer = new GuardedDialer({ lookup })
  assert.equal((await dialer.send(`http://localhost:${server.port}/`, 'service')).text, 'hello')
  await assert.rejects(dialer.send('http://169.254.169.254/latest', 'service'), refusedWith('destination_not_allowed'))
})

test('a name is looked up once for a connection, and the connection goes where the check went', async () => {
  await using server = await Listener.open(() => createHttp((_, response) => response.end('hello')))
  await using trap = await Listener.open(() => createServer(socket => socket.end()), ['127.0.0.2'])
  let lookups = 0
  // The second answer would lead elsewhere: DNS rebinding.
  await using dialer = new GuardedDialer({ allowPrivate: [`127.0.0.1:${server.port}`], lookup: async () => [++lookups === 1 ? '127.0.0.1' : '127.0.0.2'] })
  assert.equal((await dialer.send(`http://rebind.test:${server.port}/`, 'webhook')).text, 'hello')
  assert.deepEqual([lookups, trap.connections], [1, 0])
})

test('redirects are answers', async () => {
  await using inside = await Listener.open(() => createHttp((_, response) => response.end('secret')))
  await using server = await Listener.open(() => createHttp((_, response) => response.writeHead(302, { location: `http://127.0.0.1:${inside.port}/` }).end()))
  await using dialer = new GuardedDialer({ lookup, allowPrivate: [`loop.test:${server.port}`] })
  const url = `http://loop.test:${server.port}/`
  assert.equal((await dialer.send(url, 'webhook')).status, 302)
  assert.equal((await dialer.fetch('webhook')(url)).status, 302)
  assert.equal(inside.connections, 0)
})

test('TLS names the host that was asked for, and checks its certificate', async () => {
  const asked: string[] = []
  await using server = await Listener.open(() => createTls({ ...testCertificate, SNICallback: (name, done) => { asked.push(name); done(null) } }))
  await using dialer = new GuardedDialer({ lookup: async () => ['127.0.0.1'], allowPrivate: [`auralink.test:${server.port}`] })
  await assert.rejects(dialer.connect(`rtmps://auralink.test:${server.port}/live`, 'push'), /self-signed certificate/)
  await assert.rejects(dialer.send(`https://auralink.test:${server.port}/`, 'webhook'), /self-signed certificate/)
  assert.deepEqual(asked, ['auralink.test', 'auralink.test'])
})

test('a raw socket is connected and can be used', async () => {
  await using server = await Listener.open(() => createServer(socket => socket.pipe(socket)))
  await using dialer = new GuardedDialer({ lookup, allowPrivate: [`127.0.0.1:${server.port}`] })
  const socket = await dialer.connect(`rtmp://127.0.0.1:${server.port}/live/key`, 'push')
  socket.end('hello')
  assert.equal(Buffer.concat(await socket.toArray()).toString(), 'hello')
})

test('the next address is tried when the first does not answer', async () => {
  await using server = await Listener.open(() => createServer(socket => socket.end('hello')))
  await using dialer = new GuardedDialer({ lookup: async () => ['127.0.0.9', '127.0.0.1'], allowPrivate: [`two.test:${server.port}`] })
  const socket = await dialer.connect(`rtmp://two.test:${server.port}/`, 'push')
  assert.equal(Buffer.concat(await socket.toArray()).toString(), 'hello')
})

test('waiting has an end: no answer, an endless answer, a closed door, a caller who left', async () => {
  await using silent = await Listener.open(() => createHttp(() => {}))
  await using endless = await Listener.open(() => createHttp((_, response) => { response.write(Buffer.alloc(2 * 1024 * 1024)); response.end() }))
  await using closed = await Listener.open(() => createServer())
  const { port } = closed
  await closed[Symbol.asyncDispose]()
  await using dialer = new GuardedDialer({ lookup, allowPrivate: [silent, endless].map(s => `127.0.0.1:${s.port}`).concat(`127.0.0.1:${port}`) })
  await assert.rejects(dialer.send(`http://127.0.0.1:${silent.port}/`, 'webhook', { timeoutMs: 100 }), refusedWith('connect_timeout'))
  await assert.rejects(dialer.send(`http://127.0.0.1:${endless.port}/`, 'webhook'), /max size/i)
  await assert.rejects(dialer.connect(`rtmp://127.0.0.1:${port}/`, 'push'), refusedWith('dependency_unavailable'))
  const controller = new AbortController()
  setTimeout(() => controller.abort(new Error('changed my mind')), 50)
  await assert.rejects(dialer.send(`http://127.0.0.1:${silent.port}/`, 'webhook', { signal: controller.signal }), /changed my mind/)
  await assert.rejects(dialer.connect(`rtmp://127.0.0.1:${silent.port}/`, 'push', { signal: AbortSignal.abort(new Error('too late')) }), /too late/)
})

test('a refusal tells nothing of the URL', async () => {
  await using dialer = new GuardedDialer({ lookup })
  await assert.rejects(dialer.connect('rtmp://10.0.0.1/live/canaryKey', 'push'), (error: Error) => !/canaryKey/.test(error.message))
  await assert.rejects(dialer.connect('rtmp://me:canaryPass@8.8.8.8/live', 'push'), (error: Error) => !/canaryPass/.test(error.message))
})

test('places that a server names are held to the rules, at any port', async () => {
  const places = ['8.8.8.8', '10.0.0.1', '127.0.0.1', '169.254.169.254', '::1', 'fe80::1'].map((address, index) => ({ address, port: 10_000 + index }))
  const reached = async (url: string, allowPrivate: string[]): Promise<string[]> => {
    await using dialer = new GuardedDialer({ lookup, allowPrivate })
    return (await dialer.reachable(url, 'whip', places)).map(({ address }) => address)
  }
  assert.deepEqual(await reached('https://8.8.8.8/whip', []), ['8.8.8.8'])
  assert.deepEqual(await reached('https://8.8.8.8/whip', ['10.0.0.0/8']), ['8.8.8.8', '10.0.0.1'])
  assert.deepEqual(await reached('https://inside.test/whip', ['inside.test']), ['8.8.8.8', '10.0.0.1'], 'its own addresses')
  assert.deepEqual(await reached('https://8.8.8.8/whip', ['inside.test']), ['8.8.8.8'], 'another’s addresses')
  assert.deepEqual(await reached('https://8.8.8.8/whip', ['10.0.0.1:443']), ['8.8.8.8'], 'one port is not all')
  await assert.rejects(reached('https://inside.test/whip', []), refusedWith('destination_not_allowed'))
})
