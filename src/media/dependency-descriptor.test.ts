import assert from 'node:assert/strict'
import test from 'node:test'
import { survives } from '../../test/support/mutate.ts'
import { type DependencyDescriptor, type DependencyStructure, FrameNumbers, isDescriptor, parseDependencyDescriptor } from './dependency-descriptor.ts'

/** What Chromium 153 sent with the key picture of one stream, and with the frames that followed. */
const streams = {
  L1T3: {
    key: 'c00002800214eaa860414d1410208427013f00b3',
    templates: ['S0T0 sss', 'S0T0 sss', 'S0T1 ads', 'S0T2 aad', 'S0T2 aad'],
    targets: ['S0T0', 'S0T1', 'S0T2'],
    chains: 1,
    sizes: ['320x180'],
    frames: [
      { hex: 'c30003', is: 'S0T2 #3 aad BE' },
      { hex: '010006', is: 'S0T0 #6 sss --' },
      { hex: '420006', is: 'S0T1 #6 ads -E' }
    ]
  },
  L3T3: {
    key: 'c10005c0081485214eafffaaaa863cf0430c10c302afc0aaa0063c00430010c002a000a80006000040001d954926e082b04a0941b820ac1282503157f974000ca864330e222222eca8655304224230eca87753013f00b3027f016704ff02cf1f80',
    templates: ['S0T0 sssrrrrrr', 'S0T0 sssssssss', 'S0T1 adsarrarr', 'S0T2 aadaaraar', 'S0T2 aadaaraar', 'S1T0 aaasssrrr', 'S1T0 aaassssss', 'S1T1 aaaadsarr', 'S1T2 aaaaadaar', 'S1T2 aaaaadaar', 'S2T0 aaaaaasss', 'S2T0 aaaaaasss', 'S2T1 aaaaaaads', 'S2T2 aaaaaaaad', 'S2T2 aaaaaaaad'],
    targets: ['S0T0', 'S0T1', 'S0T2', 'S1T0', 'S1T1', 'S1T2', 'S2T0', 'S2T1', 'S2T2'],
    chains: 3,
    sizes: ['320x180', '640x360', '1280x720'],
    active: 63,
    frames: [
      { hex: 'c300075ffd1008040400', is: 'S0T2 #7 aadaaraar BE', active: 511 },
      { hex: 'c7000a5ffd3400504040', is: 'S1T1 #10 aaaadsarr BE', active: 511 }
    ]
  }
} as const

const shownDescriptor = ({ spatialId, temporalId, frameNumber, targets, startsFrame, endsFrame }: DependencyDescriptor): string =>
  `S${spatialId}T${temporalId} #${frameNumber} ${targets.map(target => target[0]).join('')} ${startsFrame ? 'B' : '-'}${endsFrame ? 'E' : '-'}`

function shownStructure ({ templates, decodeTargets, chains, sizes }: DependencyStructure): Record<string, unknown> {
  return {
    templates: templates.map(({ spatialId, temporalId, targets }) => `S${spatialId}T${temporalId} ${targets.map(target => target[0]).join('')}`),
    targets: decodeTargets.map(({ spatialId, temporalId }) => `S${spatialId}T${temporalId}`),
    chains,
    sizes: sizes.map(({ width, height }) => `${width}x${height}`)
  }
}

for (const [name, stream] of Object.entries(streams)) {
  const { key, frames, ...rest } = stream
  const { active, ...structure } = { active: undefined, ...rest }
  test(`dependency descriptors of ${name}`, () => {
    const { attached, activeTargets } = parseDependencyDescriptor(Buffer.from(key, 'hex'), undefined)
    assert.deepEqual(shownStructure(attached!), structure)
    assert.equal(activeTargets, active)
    for (const frame of frames) {
      const descriptor = parseDependencyDescriptor(Buffer.from(frame.hex, 'hex'), attached)
      assert.equal(shownDescriptor(descriptor), frame.is)
      assert.equal(descriptor.activeTargets, 'active' in frame ? frame.active : undefined)
      assert.equal(descriptor.attached, undefined)
    }
  })
}

const key = Buffer.from(streams.L1T3.key, 'hex')
const { attached: structure } = parseDependencyDescriptor(key, undefined)

test('a frame may be something else to the decode targets than its template says', () => {
  const descriptor = parseDependencyDescriptor(Buffer.from('c000072360', 'hex'), structure) // 00100, then 01 10 11.
  assert.equal(shownDescriptor(descriptor), 'S0T0 #7 dsr BE')
})

test('a descriptor that cannot be read is refused', () => {
  assert.throws(() => parseDependencyDescriptor(Buffer.from('c30003', 'hex'), undefined), { code: 'protocol_error' }, 'no structure')
  assert.throws(() => parseDependencyDescriptor(Buffer.from('c50003', 'hex'), structure), { code: 'protocol_error' }, 'no such template')
  for (let length = 0; length < key.length; length++) assert.throws(() => parseDependencyDescriptor(key.subarray(0, length), undefined), { code: 'protocol_error' }, `${length} bytes`)
  assert.deepEqual([undefined, Buffer.alloc(2), Buffer.alloc(3)].map(isDescriptor), [false, false, true])
})

test('damaged descriptors never break the parser', () => {
  const seeds = Object.values(streams).flatMap(({ key, frames }) => [key, ...frames.map(({ hex }) => hex)]).map(hex => Buffer.from(hex, 'hex'))
  survives(bytes => parseDependencyDescriptor(bytes, structure), seeds)
})

test('frames of one source after another are numbered as one stream', () => {
  const numbers = new FrameNumbers()
  const of = (source: number, ...frames: number[]): number[] => frames.map(frame => numbers.next(Buffer.of(0xc0, frame >> 8, frame & 0xff), source))
  const [first] = of(1, 0xffff) as [number]
  assert.deepEqual(of(1, 0xffff, 0, 2, 1), [0, 1, 3, 2].map(ahead => first + ahead & 0xffff), 'over the wrap, and late')
  assert.deepEqual(of(2, 30_000, 30_000, 30_004), [4, 4, 8].map(ahead => first + ahead & 0xffff), 'another source goes on behind the newest')
  assert.deepEqual(of(3, 5), [first + 9 & 0xffff])
})
