import { access, constants, mkdtemp, open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { messageOf } from '../../lib/errors.ts'
import { spaceIn } from '../../legs/recorder/disk-space.ts'
import { defaultRecorderSettings } from '../../legs/recorder/settings.ts'
import { type Check, failed, type Finding, ok, warning } from '../check.ts'

const TRIES = 7
const BLOCK_BYTES = 64 * 1024
/** A fragment of a recording is written twice a second; with this much for one (ms), ten at once stand in line. */
const SLOW_MS = 50
const MIB = 1 << 20

export const disk: Check = {
  name: 'disk',
  async look ({ config: { service: { dataDir }, recording: { minFreeDisk } } }) {
    const folder = await existing(dataDir)
    try {
      if (!(await stat(folder)).isDirectory()) throw new Error(`${folder} is a file`)
      await access(folder, constants.W_OK)
      return [await judgeSpeed(folder), await judgeSpace(folder, { ...defaultRecorderSettings, minFreeBytes: minFreeDisk })]
    } catch (error) {
      return failed(`The data folder ${dataDir} cannot be written: ${messageOf(error)}.`, 'Give it to the service’s user, mount it writable, or set DATA_DIR to another.')
    }
  }
}

/** A folder that is not there yet will be made where its nearest ancestor is. */
async function existing (folder: string): Promise<string> {
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => { if (error.code !== 'ENOENT') throw error })
  return found || path.dirname(folder) === folder ? folder : existing(path.dirname(folder))
}

/** Writes, syncs and renames as recordings and the journal do. */
async function judgeSpeed (folder: string): Promise<Finding> {
  const place = await mkdtemp(path.join(folder, '.doctor-'))
  try {
    const times: number[] = []
    for (let i = 0; i < TRIES; i++) {
      const began = performance.now()
      const file = await open(path.join(place, 'new'), 'w')
      try {
        await file.write(Buffer.alloc(BLOCK_BYTES))
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(path.join(place, 'new'), path.join(place, 'old'))
      times.push(performance.now() - began)
    }
    const median = times.toSorted((a, b) => a - b)[TRIES >> 1]!
    const said = `${folder} is writable; to write, sync and rename takes ${median.toFixed(1)} ms.`
    return median < SLOW_MS ? ok(said) : warning(said, 'Recordings and the journal want a disk of their own: network file systems and shared disks make them wait.')
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

export async function judgeSpace (folder: string, limits: Parameters<typeof spaceIn>[1]): Promise<Finding> {
  const { free, floor } = await spaceIn(folder, limits)
  const said = `${Math.floor(free / MIB)} MiB are free; recordings need ${Math.floor(floor / MIB)} MiB.`
  return free >= floor ? ok(said) : failed(said, 'No recording begins: delete old ones, give the folder more room, or lower auralink.recording.min_free_disk.')
}
