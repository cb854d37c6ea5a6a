import type { Track } from '../../api-types.ts'
import { bitrate } from '../../lib/format.ts'
import { codecNames } from '../../names.ts'
import { trackRates } from '../../store.ts'

type Props = { tracks: readonly Track[], detail: Readonly<Record<string, unknown>> | undefined }

/** What the leg may know of the picture: width and height in pixels. */
function resolution (detail: Props['detail']): string | undefined {
  const { width, height } = (detail?.video ?? detail ?? {}) as { width?: unknown, height?: unknown }
  return typeof width === 'number' && typeof height === 'number' ? `${width} × ${height}` : undefined
}

export function TrackList ({ tracks, detail }: Props) {
  if (tracks.length === 0) return <p class='muted small'>Connected; no media has come yet.</p>
  return (
    <table class='tracks'>
      <thead class='visually-hidden'><tr><th>Track</th><th>Codec</th><th>Bitrate</th></tr></thead>
      <tbody>
        {tracks.map(track => (
          <tr key={track.id}>
            <th scope='row'>{track.kind === 'video' ? 'Video' : 'Audio'}</th>
            <td>{facts(track, detail)}</td>
            <td class='number'>{rateOf(track)}</td>
          </tr>))}
      </tbody>
    </table>
  )
}

function facts (track: Track, detail: Props['detail']): string {
  const channels = track.channels === 1 ? 'mono' : track.channels === 2 ? 'stereo' : undefined
  return [codecNames[track.codec] ?? track.codec, track.kind === 'video' ? resolution(detail) : channels].filter(Boolean).join(' · ')
}

function rateOf (track: Track): string {
  const rate = trackRates.get(track.id)?.bitsPerSecond
  return rate === undefined ? '' : bitrate(rate)
}
