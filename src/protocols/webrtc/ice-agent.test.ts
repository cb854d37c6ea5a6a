import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { IceAgent, type IceAgentOptions, type Spot } from './ice-agent.ts'
import type { Path } from './path.ts'
import type { IceCredentials } from './sdp-types.ts'
import { isSigned, parseBinding, printBinding, type StunBinding, TRANSACTION_BYTES } from './stun.ts'

const peer: IceCredentials = { ufrag: 'peer', pwd: 'the-password-of-the-peer' }
const renewed: IceCredentials = { ufrag: 'newpeer', pwd: 'another-password-of-the-peer' }

/** A path that keeps what is sent on it. */
class FakePath implements Path {
  readonly protocol = 'udp'
  readonly address = '192.0.2.1'
  readonly port: number
  readonly memory = Buffer.alloc(2048)
  readonly sent: Buffer[] = []

  constructor (port: number) { this.port = port }
  get key (): string { return String(this.port) }
  reserve (): number { return 0 }
  commit (length: number): void { this.sent.push(Buffer.from(this.memory.subarray(0, length))) }

  /** Of the kind, parsed. */
  all (kind: StunBinding['kind']): StunBinding[] { return this.sent.map(parseBinding).filter(message => message.kind === kind) }
}

function agent (role: IceAgentOptions['role'] = 'controlled', remote: IceCredentials | undefined = peer) {
  const clock = new ManualClock()
  const log = { selected: [] as number[], names: new Set<string>(), forgotten: [] as number[], lost: 0, how: '' }
  const ice = new IceAgent({
    role, remote, clock,
    selected: ({ path }) => log.selected.push(path.port),
    named: (ufrag, ours) => { if (ours) log.names.add(ufrag); else log.names.delete(ufrag) },
    forgotten: ({ path }) => log.forgotten.push(path.port),
    lost: how => { log.lost++; log.how = how }
  })
  /** A check of the peer's, at a path. */
  const check = (path: Path, fields: Partial<StunBinding> = {}, local = ice.local, remoteOne = peer, pwd = local.pwd): Spot | undefined => {
    const itsRole = fields.controlled === undefined ? { controlling: 7n } : {}
    const bytes = printBinding({ kind: 'request', transaction: randomBytes(TRANSACTION_BYTES), username: `${local.ufrag}:${remoteOne.ufrag}`, priority: 100, ...itsRole, ...fields }, pwd)
    return ice.takeCheck(parseBinding(bytes), bytes, path)
  }
  /** An answer to the latest check at a path. */
  const answer = (path: FakePath, { on = path as Path, pwd = peer.pwd, kind = 'success' as StunBinding['kind'] } = {}): Spot | undefined => {
    const { transaction } = path.all('request').at(-1)!
    const bytes = printBinding({ kind, transaction, ...kind === 'error' ? { errorCode: 487 } : { mapped: { address: '192.0.2.9', port: 9 } } }, pwd)
    return ice.takeAnswer(parseBinding(bytes), bytes, on)
  }
  /** Time goes by, as the port's ticker sees it. */
  const pass = (ms: number, meanwhile: () => void = () => {}): void => { for (let passed = 0; passed < ms; passed += 500) { clock.advance(500); ice.tick(); meanwhile() } }
  return { ice, log, clock, check, answer, pass, [Symbol.dispose]: () => { ice[Symbol.dispose]() } }
}

test('a check that names both sides and is signed is answered with where it came from', () => {
  using it = agent()
  const path = new FakePath(1)
  assert.ok(it.check(path))
  const [answer] = path.all('success')
  assert.deepEqual(answer!.mapped, { address: '192.0.2.1', port: 1 })
  assert.ok(isSigned(path.sent[0]!, it.ice.local.pwd))
  assert.deepEqual(it.log.selected, [], 'nobody has nominated it')
})

test('what is not the peer’s is not answered', () => {
  using it = agent()
  const path = new FakePath(1)
  assert.equal(it.check(path, {}, it.ice.local, peer, 'another password than ours'), undefined)
  assert.equal(it.check(path, { username: `${it.ice.local.ufrag}:somebody` }), undefined)
  assert.equal(it.check(path, { username: `nobody:${peer.ufrag}` }), undefined)
  assert.equal(path.sent.length, 0)
})

test('of nominated paths the best is used, and of equals the latest, once it answers', () => {
  using it = agent()
  const [one, two, three, four] = [1, 2, 3, 4].map(port => new FakePath(port)) as [FakePath, FakePath, FakePath, FakePath]
  it.check(one, { useCandidate: true, priority: 100 })
  it.check(two, { useCandidate: true, priority: 50 })
  it.check(three, { priority: 500 })
  assert.deepEqual([two, three].map(path => path.all('request').length), [0, 0])
  it.check(four, { useCandidate: true, priority: 100 })
  assert.deepEqual(it.log.selected, [1])
  assert.equal(it.answer(four)?.path, four)
  assert.deepEqual(it.log.selected, [1, 4])
})

test('a signed check that somebody else sends again from elsewhere moves nothing', () => {
  using it = agent()
  const [home, thief] = [new FakePath(1), new FakePath(2)]
  it.check(home, { useCandidate: true })
  it.check(thief, { useCandidate: true })
  assert.equal(thief.all('request').length, 1, 'it is asked whether it is the peer')
  it.answer(thief, { pwd: 'not the peer’s password at all' })
  assert.deepEqual(it.log.selected, [1])
})

test('a peer that is heard from elsewhere has moved when it is no longer heard where it was', () => {
  using it = agent()
  const [home, away] = [new FakePath(1), new FakePath(2)]
  const spot = it.check(home, { useCandidate: true })!
  it.pass(4000)
  it.check(away)
  assert.equal(away.all('request').length, 0, 'browsers check other paths from time to time')
  it.pass(10_000, () => { spot.active = true })
  it.check(away)
  assert.equal(away.all('request').length, 0, 'media still comes from where it was')
  it.pass(6000)
  it.check(away)
  it.answer(away)
  assert.deepEqual(it.log.selected, [1, 2])
})

test('the other role is refused to a peer that claims ours', () => {
  using it = agent()
  const path = new FakePath(1)
  it.check(path, { controlled: 9n, useCandidate: true })
  assert.deepEqual(path.all('error').map(({ errorCode }) => errorCode), [487])
  assert.deepEqual(it.log.selected, [])
})

test('consent is asked for about every 5 s, and lasts as long as it is given', () => {
  using it = agent()
  const path = new FakePath(1)
  const spot = it.check(path, { useCandidate: true })!
  let asked = 0
  it.pass(120_000, () => {
    spot.active = true
    if (path.all('request').length > asked) { asked = path.all('request').length; it.answer(path) }
  })
  assert.ok(asked >= 18 && asked <= 32, `${asked} in two minutes`)
  const { username, controlled } = path.all('request')[0]!
  assert.deepEqual([username, controlled !== undefined], [`${peer.ufrag}:${it.ice.local.ufrag}`, true])
  assert.ok(path.sent.filter(bytes => parseBinding(bytes).kind === 'request').every(bytes => isSigned(bytes, peer.pwd)))
  assert.equal(it.log.lost, 0)
})

test('a peer that falls silent is asked each second from 12 s on, and is lost after 30', () => {
  using it = agent()
  const path = new FakePath(1)
  it.check(path, { useCandidate: true })
  it.pass(12_500)
  const before = path.all('request').length
  it.pass(10_000)
  assert.ok(path.all('request').length - before >= 9, 'asked each second')
  it.pass(7000)
  assert.equal(it.log.lost, 0)
  it.pass(10_000)
  assert.deepEqual([it.log.lost, it.log.how], [1, 'failed'], 'once')
  const last = path.sent.length
  it.pass(10_000)
  assert.equal(path.sent.length, last, 'and is asked no more')
})

test('a peer of whom a goodbye was heard is asked at once, and has left when it does not answer within 2 s', () => {
  using it = agent()
  const path = new FakePath(1)
  it.check(path, { useCandidate: true })
  it.ice.doubt()
  assert.equal(path.all('request').length, 1)
  it.answer(path)
  it.pass(4000)
  assert.equal(it.log.lost, 0, 'it was somebody else’s')
  it.ice.doubt()
  it.pass(1500)
  assert.equal(it.log.lost, 0)
  it.pass(500)
  assert.deepEqual([it.log.lost, it.log.how], [1, 'left'])
})

test('consent is only what answers our own question, signed, from where it was asked', () => {
  using it = agent()
  const [path, other] = [new FakePath(1), new FakePath(2)]
  it.check(path, { useCandidate: true })
  it.pass(31_000, () => {
    if (path.all('request').length === 0) return
    it.answer(path, { on: other })
    it.answer(path, { pwd: 'not the peer’s password at all' })
    it.answer(path, { kind: 'error' })
    const forged = printBinding({ kind: 'success', transaction: randomBytes(TRANSACTION_BYTES), mapped: { address: '192.0.2.9', port: 9 } }, peer.pwd)
    it.ice.takeAnswer(parseBinding(forged), forged, path)
  })
  assert.equal(it.log.lost, 1)
})

test('with new credentials the peer stays where it was until it has nominated a path with them', () => {
  using it = agent()
  const [home, away] = [new FakePath(1), new FakePath(2)]
  it.check(home, { useCandidate: true })
  const old = it.ice.local
  it.ice.restart(renewed)
  assert.notDeepEqual(it.ice.local, old)
  assert.deepEqual(it.log.names, new Set([old.ufrag, it.ice.local.ufrag]))
  assert.ok(it.check(home, {}, old), 'the old ones still hold')
  it.check(away, { priority: 10 }, it.ice.local, renewed)
  assert.deepEqual(it.log.selected, [1])
  it.check(away, { priority: 10, useCandidate: true }, it.ice.local, renewed)
  it.answer(away, { pwd: renewed.pwd })
  assert.deepEqual(it.log.selected, [1, 2])
  assert.deepEqual(it.log.names, new Set([it.ice.local.ufrag]))
  assert.equal(it.check(home, {}, old), undefined, 'and hold no more')
  it.pass(6500)
  assert.equal(away.all('request').at(-1)!.username, `${renewed.ufrag}:${it.ice.local.ufrag}`)
})

test('a restart on the same path, and one that is begun anew before it came about', () => {
  using it = agent()
  const path = new FakePath(1)
  it.check(path, { useCandidate: true })
  const first = it.ice.local
  it.ice.restart({ ufrag: 'tooearly', pwd: renewed.pwd })
  const second = it.ice.local
  it.ice.restart(renewed)
  assert.deepEqual(it.log.names, new Set([first.ufrag, it.ice.local.ufrag]))
  assert.equal(it.check(path, {}, second, { ufrag: 'tooearly', pwd: renewed.pwd }), undefined)
  it.check(path, { useCandidate: true }, it.ice.local, renewed)
  assert.deepEqual(it.log.names, new Set([it.ice.local.ufrag]))
  assert.deepEqual(it.log.selected, [1])
})

test('a peer has so many addresses; the one in use is not forgotten', () => {
  using it = agent()
  it.check(new FakePath(1), { useCandidate: true })
  for (let port = 2; port <= 40; port++) { it.clock.advance(1); it.check(new FakePath(port)) }
  assert.equal(it.log.forgotten.length, 24)
  assert.ok(!it.log.forgotten.includes(1))
  it.ice[Symbol.dispose]()
  assert.equal(new Set(it.log.forgotten).size, 40)
  assert.equal(it.log.names.size, 0)
})

test('who offered checks every path ever less often, nominates the first that answers, and takes it when that is answered', () => {
  using it = agent('controlling', undefined)
  const paths = [new FakePath(1), new FakePath(2)] as const
  it.ice.begin(peer, paths)
  it.clock.advance(1000)
  assert.deepEqual(paths.map(path => path.all('request').length), [5, 5])
  assert.equal(it.answer(paths[1]), undefined)
  const nominating = paths[1].all('request').at(-1)!
  assert.deepEqual([nominating.useCandidate, nominating.controlling !== undefined], [true, true])
  assert.deepEqual(it.log.selected, [])
  const spot = it.answer(paths[1])
  assert.equal(spot?.path, paths[1])
  assert.deepEqual(it.log.selected, [2])
  const sent = paths[0].sent.length
  it.clock.advance(10_000)
  assert.equal(paths[0].sent.length, sent, 'the others are let go of')
})

test('who offered answers checks too, and does not follow the peer’s wishes', () => {
  using it = agent('controlling', undefined)
  const path = new FakePath(1)
  it.ice.begin(peer, [path])
  assert.ok(it.check(path, { controlled: 3n, useCandidate: true }))
  assert.equal(path.all('success').length, 1)
  assert.deepEqual(it.log.selected, [])
})
