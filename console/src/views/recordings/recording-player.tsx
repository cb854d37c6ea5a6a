import { useState } from 'preact/hooks'
import { recordingFile } from '../../api.ts'
import type { Recording } from '../../api-types.ts'
import { duration, span } from '../../lib/format.ts'
import { Button } from '../../ui/button.tsx'

/** Plays the file as it is. The browser asks for the ranges it needs, so that a long recording starts and seeks at once. */
export function RecordingPlayer ({ recording, name }: { recording: Recording, name: string }) {
  const [trouble, setTrouble] = useState(false)
  const [part, setPart] = useState(1)
  return (
    <div class='recording-player'>
      <video
        key={part} src={recordingFile(recording.id, part)} controls autoplay playsInline preload='metadata'
        aria-label={`Recording of ${name}`} onError={() => setTrouble(true)}
      />
      {trouble &&
        <p class='banner banner-warn' role='alert'>This browser cannot play the file. Download it; any player that knows MP4 will do.</p>}
      {recording.partial && <Gaps recording={recording} />}
      {recording.parts.length > 1 && <Parts recording={recording} part={part} choose={setPart} />}
    </div>
  )
}

type PartsProps = { recording: Recording, part: number, choose: (part: number) => void }

/** A stream that changes its format on the way cannot go on in the same file. */
const Parts = ({ recording: { id, parts }, part, choose }: PartsProps) => (
  <div class='actions'>
    <span class='muted'>The stream changed its format on the way: {parts.length} files.</span>
    {parts.map(({ index: number }) => (
      <Button key={number} kind={number === part ? 'plain' : 'quiet'} aria-pressed={number === part} onClick={() => choose(number)}>
        Part {number}
      </Button>))}
    <a class='button button-quiet' href={recordingFile(id, part, { download: true })} download>Download part {part}</a>
  </div>
)

function Gaps ({ recording: { gaps, reason } }: { recording: Recording }) {
  return (
    <div class='gaps'>
      <p>
        <strong>This recording is partial.</strong>{' '}
        {reason || 'It was cut off before it was finished; all that had reached the disk is here.'}
      </p>
      {gaps.length > 0 && (
        <ul>
          {gaps.map(({ fromMs, toMs, reason }) => (
            <li key={fromMs}>
              {span((toMs - fromMs) / 1000)} missing at <span class='number'>{duration(fromMs / 1000)}</span>{reason && `: ${reason}`}
            </li>))}
        </ul>)}
    </div>
  )
}
