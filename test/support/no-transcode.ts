import { AppError } from '../../src/lib/errors.ts'
import type { Transcode } from '../../src/room/track.ts'

/** A service without media workers. */
export const noTranscode: Transcode = (from, to) => { throw new AppError('transcoding_unavailable', `${from.codec.name} cannot be transcoded to ${to.codec.name} here`) }
