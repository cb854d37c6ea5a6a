import type { Track } from '../../api-types.ts'
import { bitrate, span } from '../../lib/format.ts'
import { codecNames } from '../../names.ts'
import { trackRates } from '../../store.ts'

type Props = { tracks: readonly Track[], detail: Readonly<Record<string, unknown>> | undefined }

/** What a leg may know of the picture beyond the track: pixels, frames a second, how often it can be joined. */
function pictureFacts (detail: Props['detail']): (string | undefined)[] {
  const { width, height, fps, keyframeIntervalMs } = (detail?.video ?? {}) as Record<string, unknown>
  return [
    typeof width === 'number' && typeof height === 'number' ? `${width} × ${height}` : undefined,
    typeof fps === 'number' ? `${Math.round(fps)} fps` : undefined,
    typeof keyframeIntervalMs === 'number' ? `keyframe every ${span(keyframeIntervalMs / 1000)}` : undefined
  ]
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
            <td>{facts(track, detail).map(fact => <span key={fact} class='fact'>{fact}</span>)}</td>
            <td class='number'>{rateOf(track)}</td>
          </tr>))}
      </tbody>
    </table>
  )
}

function facts (track: Track, detail: Props['detail']): string[] {
  const channels = track.channels === 1 ? 'mono' : track.channels === 2 ? 'stereo' : undefined
  const more = track.kind === 'video' ? pictureFacts(detail) : [channels]
  return [codecNames[track.codec] ?? track.codec, ...more].filter(fact => fact !== undefined)
}

function rateOf (track: Track): string {
  const rate = trackRates.get(track.id)?.bitsPerSecond
  return rate === undefined ? '' : bitrate(rate)
}
