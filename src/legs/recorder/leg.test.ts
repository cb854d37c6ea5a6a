import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { legContract } from '../../../test/leg-contract.ts'
import { ClipPublisher } from '../../../test/support/clip-publisher.ts'
import { encodedClip } from '../../../test/support/encoded.ts'
import { systemClock } from '../../lib/clock.ts'
import { newId } from '../../lib/ids.ts'
import { silentLogger } from '../../lib/log.ts'
import { DiskSpace } from './disk-space.ts'
import { RecorderLeg } from './leg.ts'
import { ManifestFile } from './manifest.ts'
import { Flusher } from './movie-file.ts'
import { Recording } from './recording.ts'
import { defaultRecorderSettings as settings } from './settings.ts'

const clip = await encodedClip(6)

legContract('recording', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-leg-'))
  const id = newId('recording')
  const manifest = new ManifestFile(folder, { instance: '0', pid: process.pid, birth: '', world: '' }, silentLogger)
  const recording = new Recording({
    id, room: 'contract', participant: undefined, name: undefined, state: 'starting', partial: false, gaps: [], createdAt: new Date(), startedAt: undefined, endedAt: undefined,
    durationMs: 0, sizeBytes: 0, parts: [], reason: '', errorCode: undefined
  }, folder, { manifest, store: { save () {}, delete () {} }, clock: systemClock })
  const disk = new DiskSpace(folder, { ...settings, minFreeBytes: 0 }, systemClock, silentLogger)
  return {
    leg: new RecorderLeg({ recording, settings, flusher: new Flusher(), disk, clock: systemClock }),
    prepare: room => {
      const publisher = new ClipPublisher(room, { video: { codec: clip.videoCodec, frames: clip.video }, audio: { codec: clip.audioCodec, frames: clip.audio }, wallMs: Date.now() })
      publisher.play(0, 3000)
    },
    [Symbol.asyncDispose]: async () => {
      await manifest.settled()
      await rm(folder, { recursive: true })
    }
  }
})
