// Records synthetic media in real time into the folder given, until it is killed. Says on its standard output how much media
// (ms of the clip) the room has received, right before it receives it.
import { writeSync } from 'node:fs'
import { Recordings } from '../../src/legs/recorder/recordings.ts'
import { defaultRecorderSettings } from '../../src/legs/recorder/settings.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLogger } from '../../src/lib/log.ts'
import { Bridge, localEngine } from '../../src/room/bridge.ts'
import { ClipPublisher } from './clip-publisher.ts'
import { encodedClip } from './encoded.ts'

const CLIP_SECONDS = 30
const STEP_MS = 10
/** The longest that the setting allows, and all that a kill may cost. */
const LONGEST_FRAGMENT_MS = 1000

const journal = { roomChanged () {}, participantChanged () {}, sessionChanged () {} }
const bridge = new Bridge({ engine: localEngine, journal, log: silentLogger, limits: { sessions: 10, rooms: 10 } })
const recordings = await Recordings.open({ folder: process.argv[2]!, settings: { ...defaultRecorderSettings, fragmentMs: LONGEST_FRAGMENT_MS, minFreeBytes: 0 } }, {
  bridge, store: { save () {}, delete () {} }, log: silentLogger, clock: systemClock
})
const clip = await encodedClip(CLIP_SECONDS, { size: '640x360', bitrate: 800_000 })
const { id } = await recordings.start({ room: 'stage' })
writeSync(1, `${id}\n`)
const publisher = new ClipPublisher(bridge.room('stage')!, {
  video: { codec: clip.videoCodec, frames: clip.video }, audio: { codec: clip.audioCodec, frames: clip.audio }, wallMs: Date.now()
})
const begunAt = systemClock.now()
let playedMs = 0
setInterval(() => {
  const now = systemClock.now() - begunAt
  writeSync(1, `${now}\n`)
  publisher.play(playedMs, now)
  playedMs = now
}, STEP_MS)
