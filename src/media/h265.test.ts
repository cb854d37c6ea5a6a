import assert from 'node:assert/strict'
import test from 'node:test'
import { survives } from '../../test/support/mutate.ts'
import { ProtocolError } from '../lib/errors.ts'
import { parseH265Sps } from './h265-sps.ts'
import { parseHevcConfig, printHevcConfig } from './h265.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const vps = hex('40010c01ffff01600000030090000003000003003f959409')
const pps = hex('4401c073c189')
const flat = { profileIdc: 1, temporalLayers: 1, temporalNesting: true, chromaFormat: 1, bitDepthLuma: 8, bitDepthChroma: 8 }

/** Made by x265, but for the one with two temporal layers, which is the first with a layer put in. */
const rows = [
  { name: '640x360', sps: '42010101600000030090000003000003003fa005020171f2e595952930bc05a020000003002000000303c1', is: { ...flat, levelIdc: 63, width: 640, height: 360 } },
  { name: 'cropped to 1278x718', sps: '42010101600000030090000003000003005da00280802d1d56595952930bc05a020000030002000003003c10', is: { ...flat, levelIdc: 93, width: 1278, height: 718 } },
  { name: '4:2:2, 10 bits', sps: '4201010408000003009d0800000300003cb00a080c1f1ad965654a4c2f016808000003000800000300f040', is: { ...flat, profileIdc: 4, levelIdc: 60, chromaFormat: 2, bitDepthLuma: 10, bitDepthChroma: 10, width: 320, height: 180 } },
  { name: '1080 lines', sps: '420101016000000300900000030000030078a003c0801107cb965654a4c2f0168080000003008000000f04', is: { ...flat, levelIdc: 120, width: 1920, height: 1080 } },
  { name: 'two temporal layers', sps: '42010301600000030090000003000003003f 40005d a005020171f2e595952930bc05a020000003002000000303c1', is: { ...flat, levelIdc: 63, temporalLayers: 2, width: 640, height: 360 } }
]

for (const { name, sps, is } of rows) {
  test(`H.265 SPS: ${name}`, () => {
    const { general, ...read } = parseH265Sps(hex(sps))
    assert.deepEqual(read, is)
    assert.equal(general.length, 12)
  })
}

test('hvcC, as ffmpeg prints it, and back', () => {
  const sets = { vps: [vps], sps: [hex(rows[0]!.sps)], pps: [pps] }
  const printed = printHevcConfig(sets)
  const head = '01 01 60000000 900000000000 3f f000 fc fd f8 f8 0000 0f 03'
  assert.equal(printed.toString('hex'), [head, 'a0 0001 0018', vps.toString('hex'), 'a1 0001 002b', rows[0]!.sps, 'a2 0001 0006', pps.toString('hex')].join('').replaceAll(' ', ''))
  assert.deepEqual(parseHevcConfig(printed), sets)
})

const broken = ['', '4201', '4401c073c189', '42010d', '42010101600000030090000003000003003f', rows[0]!.sps.slice(0, 40)]
for (const sps of broken) test(`not an H.265 SPS: “${sps}”`, () => { assert.throws(() => parseH265Sps(hex(sps)), ProtocolError) })

test('damaged bytes end in ProtocolError or in a value', () => {
  survives(parseH265Sps, [...rows.map(row => row.sps), ...broken].map(hex))
  survives(parseHevcConfig, [printHevcConfig({ vps: [vps], sps: [hex(rows[0]!.sps)], pps: [pps] })])
})
