import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import test from 'node:test'
import { ManualClock } from '../../../../test/support/manual-clock.ts'
import { mutated } from '../../../../test/support/mutate.ts'
import { until } from '../../../../test/support/until.ts'
import { systemClock } from '../../../lib/clock.ts'
import { AppError } from '../../../lib/errors.ts'
import { createCertificate } from './certificate.ts'
import { DtlsContext } from './context.ts'
import { type DtlsKeys, DtlsSession } from './session.ts'

type Side = { session: DtlsSession, keys: DtlsKeys | undefined, material: Buffer | undefined, ended: string | undefined, alerts: number, sent: Buffer[] }
type Loss = (from: 'client' | 'server', count: number) => boolean

/** A client and a server, and a network between them that loses what it is told to. */
function pair ({ loses = () => false, clientExpects, clock = systemClock, keep = [] }: { loses?: Loss, clientExpects?: string, clock?: typeof systemClock, keep?: Buffer[] } = {}) {
  const contexts = { client: new DtlsContext(), server: new DtlsContext() }
  const sides = {} as { client: Side, server: Side }
  for (const role of ['client', 'server'] as const) {
    const other = role === 'client' ? 'server' : 'client'
    const value = (role === 'client' ? clientExpects : undefined) ?? contexts[other].fingerprint.value
    const side: Side = sides[role] = {
      keys: undefined, material: undefined, ended: undefined, alerts: 0, sent: [],
      session: new DtlsSession({
        context: contexts[role], role, clock, fingerprint: { algorithm: 'sha-256', value },
        send: datagram => {
          const bytes = Buffer.from(datagram)
          keep.push(bytes)
          if (!loses(role, side.sent.push(bytes))) setImmediate(() => sides[other].session.take(bytes))
        },
        connected: keys => { side.keys = keys; side.material = keys.exported(56) },
        alerted: () => { side.alerts++ },
        ended: how => { side.ended = how }
      })
    }
  }
  return {
    ...sides,
    [Symbol.dispose]: () => {
      for (const { session } of [sides.client, sides.server]) session[Symbol.dispose]()
      for (const context of [contexts.client, contexts.server]) context[Symbol.dispose]()
    }
  }
}

const bothConnected = ({ client, server }: { client: Side, server: Side }) => until('both sides', () => client.keys !== undefined && server.keys !== undefined)

test('two sides agree on keys and on the fastest way to use them', async () => {
  using link = pair()
  link.client.session.start()
  await bothConnected(link)
  assert.deepEqual([link.client.keys!.profileId, link.server.keys!.profileId], [7, 7])
  assert.deepEqual(link.client.material, link.server.material)
  assert.ok(link.client.sent.every(({ length }) => length <= 1200))
})

test('one that closes is heard by the other', async () => {
  using link = pair()
  link.client.session.start()
  await bothConnected(link)
  link.client.session.close()
  await until('the goodbye', () => link.server.ended === 'left')
  link.client.session.take(Buffer.from('after the end'))
  assert.equal(link.client.ended, undefined)
})

test('a client keeps nothing of the connection but its own goodbye, and hears that there was one of the server’s', async () => {
  using link = pair()
  link.client.session.start()
  await bothConnected(link)
  link.server.session.close()
  await until('the goodbye', () => link.client.alerts === 1)
  assert.equal(link.client.ended, undefined, 'whether it was the server’s is for others to find out')
})

const losses: [string, Loss][] = [
  ['the first flight', (from, count) => from === 'client' && count === 1],
  ['the server’s first flight', (from, count) => from === 'server' && count <= 2],
  ['the client’s certificate', (from, count) => from === 'client' && count === 2],
  ['the server’s last flight', (from, count) => from === 'server' && count >= 2 && count <= 3],
  ['every second datagram', (_from, count) => count % 2 === 1]
]
for (const [what, loses] of losses) {
  test(`the handshake survives the loss of ${what}, in less than the second that others wait`, async () => {
    using link = pair({ loses })
    const began = performance.now()
    link.client.session.start()
    await bothConnected(link)
    assert.ok(performance.now() - began < 5000)
    assert.equal(link.client.sent.length > 2, true)
  })
}

test('a peer with another certificate is nobody we know', async () => {
  using link = pair({ clientExpects: Array.from({ length: 32 }, () => 'AB').join(':') })
  link.client.session.start()
  await until('the end', () => link.client.ended === 'failed')
  assert.equal(link.client.keys, undefined)
})

test('a peer that does not answer is waited for', () => {
  const clock = new ManualClock()
  using link = pair({ loses: () => true, clock })
  link.client.session.start()
  assert.equal(link.client.sent.length, 1)
  assert.equal(link.client.ended, undefined)
})

test('a flight that is lost is repeated after 50 ms, and then after ever twice the time', async () => {
  const waits: number[] = []
  const clock = { ...systemClock, after: (ms: number, then: () => void) => { waits.push(ms); return systemClock.after(ms, then) } }
  using link = pair({ loses: () => true, clock })
  link.client.session.start()
  await until('two repetitions', () => link.client.sent.length === 3)
  const [first = 0, second = 0, third = 0] = waits
  assert.ok(first > 25 && first <= 50 && second > 50 && second <= 100 && third > 100 && third <= 200, `${waits.join(', ')} ms`)
})

test('what is no DTLS, or damaged, is passed over by a connection that is made', async () => {
  const flight: Buffer[] = []
  using link = pair({ keep: flight })
  link.client.session.start()
  await bothConnected(link)
  for (const bytes of mutated(flight, { count: 3000, seed: 5 })) for (const { session } of [link.client, link.server]) session.take(bytes)
  assert.deepEqual([link.client.ended, link.server.ended], [undefined, undefined])
})

test('damaged handshakes end the connection at most', async () => {
  const flight: Buffer[] = []
  using model = pair({ keep: flight })
  model.client.session.start()
  await bothConnected(model)
  const context = new DtlsContext()
  const seen = new Set<string | undefined>()
  for (const [i, bytes] of [...mutated(flight, { count: 600, seed: 6 })].entries()) {
    let ended: string | undefined
    using session = new DtlsSession({ context, role: i % 2 ? 'client' : 'server', clock: systemClock, fingerprint: context.fingerprint, send: () => {}, connected: () => assert.fail('connected'), alerted: () => {}, ended: how => { ended = how } })
    session.start()
    session.take(bytes)
    seen.add(ended)
  }
  context[Symbol.dispose]()
  assert.ok(seen.has(undefined))
})

test('a fingerprint that cannot be compared is refused', () => {
  using context = new DtlsContext()
  for (const [algorithm, value] of [['md5', 'AB:CD'], ['sha-256', 'AB:CD']] as const) {
    const make = () => new DtlsSession({ context, role: 'client', clock: systemClock, fingerprint: { algorithm, value }, send: () => {}, connected: () => {}, alerted: () => {}, ended: () => {} })
    assert.throws(make, (error: unknown) => error instanceof AppError && error.code === 'unprocessable_sdp')
  }
})

for (const year of [2026, 2045]) {
  test(`certificates made in ${year} are what others read`, () => {
    const now = Date.UTC(year, 5, 1)
    const { der, fingerprint } = createCertificate('somebody', now)
    const read = new X509Certificate(der)
    assert.equal(read.subject, 'CN=somebody')
    assert.equal(read.fingerprint256, fingerprint.value)
    assert.ok(read.verify(read.publicKey))
    assert.ok(Date.parse(read.validFrom) < now && Date.parse(read.validTo) > now + 9 * 365 * 86_400_000)
  })
}
