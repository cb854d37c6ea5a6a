import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Recordings } from '../../src/legs/recorder/recordings.ts'
import { defaultRecorderSettings } from '../../src/legs/recorder/settings.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLogger } from '../../src/lib/log.ts'
import { analyse, type Content } from './content.ts'
import type { Edge } from './webrtc-edge.ts'

/** Records one participant of the room “hall” for so long, and finds flashes and beeps in the file. */
export async function recorded (edge: Edge, participant: string, forMs: number): Promise<Content> {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-recorded-'))
  await using _folder = { async [Symbol.asyncDispose] () { await rm(folder, { recursive: true }) } }
  const parts = { bridge: edge.bridge, store: { save () {}, delete () {} }, log: silentLogger, clock: systemClock }
  await using recordings = await Recordings.open({ folder, settings: { ...defaultRecorderSettings, minFreeBytes: 0 } }, parts)
  const { id } = await recordings.start({ room: 'hall', participant })
  await sleep(forMs)
  const info = await recordings.stop(id)
  assert.equal(info?.state, 'completed', info?.reason)
  assert.deepEqual(info.gaps, [])
  return await analyse((await recordings.file(id))!.path)
}
