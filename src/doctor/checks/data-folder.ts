import { existsSync } from 'node:fs'
import path from 'node:path'
import { AppError } from '../../lib/errors.ts'
import { lockFolder } from '../../store/folder-lock.ts'
import { type Check, failed, ok } from '../check.ts'

export const dataFolder: Check = {
  name: 'data folder',
  async look ({ config: { service: { dataDir } }, service }) {
    const holder = holderOf(dataDir)
    if (holder === undefined && service) return failed(`The service that runs here does not use ${dataDir}.`, 'It was started with other settings than this command sees: give both the same environment and file.')
    if (holder === undefined) return ok(`Nobody else uses ${dataDir}.`)
    return service ? ok(`${dataDir} is in use by the service that runs here.`) : failed(`${holder}.`, 'Two services cannot share a data folder.')
  }
}

/** Who has the folder. A lock that was never made is not made now: it would belong to whoever runs this command. */
function holderOf (folder: string): string | undefined {
  if (!existsSync(path.join(folder, 'lock.db'))) return undefined
  try {
    lockFolder(folder)[Symbol.dispose]()
    return undefined
  } catch (error) {
    if (error instanceof AppError && error.code === 'conflict') return error.message
    throw error
  }
}
