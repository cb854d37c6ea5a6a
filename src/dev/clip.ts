import { parseAudioTag, parseVideoTag } from '../media/flv.ts'
import type { FlvTag } from './flv-file.ts'
import type { Clip } from './replay.ts'

/** Makes a file's tags repeatable. It lasts as long as its pictures, the last of them as long as the others. */
export function clipOf (tags: readonly FlvTag[]): Clip {
  const kindOf = ({ type, body }: FlvTag): string => type === 'script' ? 'other' : type === 'video' ? parseVideoTag(body).kind : parseAudioTag(body).kind
  const found = tags.filter(tag => kindOf(tag) === 'frame')
  const begin = found.reduce((least, tag) => Math.min(least, tag.timestamp), Infinity)
  const frames = found.map(tag => ({ ...tag, timestamp: tag.timestamp - begin })).sort((a, b) => a.timestamp - b.timestamp)
  const pictures = frames.filter(tag => tag.type === 'video')
  const [first, last] = [pictures[0]?.timestamp ?? 0, pictures.at(-1)?.timestamp ?? 0]
  const durationMs = pictures.length < 2 ? 1_000 : Math.round((last - first) * pictures.length / (pictures.length - 1))
  return { configs: tags.filter(tag => kindOf(tag) === 'config'), frames, durationMs: Math.max(durationMs, frames.at(-1)?.timestamp ?? 0) }
}
