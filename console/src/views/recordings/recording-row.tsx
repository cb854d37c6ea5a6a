import { act } from '../../actions.ts'
import { recordingFile } from '../../api.ts'
import type { Recording } from '../../api-types.ts'
import { now } from '../../clock.ts'
import { bytes, duration, moment } from '../../lib/format.ts'
import { api, isRunning } from '../../store.ts'
import { Button } from '../../ui/button.tsx'
import { ConfirmButton } from '../../ui/confirm-button.tsx'
import { Elapsed } from '../../ui/elapsed.tsx'
import { Icon } from '../../ui/icon.tsx'
import { RecordingPlayer } from './recording-player.tsx'
import { Verdict } from './verdict.tsx'

type Props = { recording: Recording, open: boolean, onToggle: () => void }

export function RecordingRow ({ recording, open, onToggle }: Props) {
  const { room, participant, startedAt } = recording
  const running = isRunning(recording)
  const playable = !running && recording.sizeBytes > 0
  const name = participant ? `${room} / ${participant}` : room
  return (
    <li class={open ? 'recording recording-open' : 'recording'}>
      <div class='recording-row'>
        <button
          type='button' class='recording-play' onClick={onToggle} disabled={!playable}
          aria-expanded={open} aria-label={`${open ? 'Close' : 'Play'} the recording of ${name}`}
        >
          {running ? <span class='dot dot-live' /> : <Icon name={open ? 'close' : 'play'} />}
        </button>
        <div class='recording-name'>
          <strong>{room}</strong>{participant && <span class='muted'> / {participant}</span>}
          <span class='recording-when'>{startedAt ? moment(new Date(startedAt), new Date(now.value)) : 'not started'}</span>
        </div>
        <Verdict recording={recording} />
        <span class='recording-length number'>
          {running && startedAt ? <Elapsed since={startedAt} /> : duration(recording.durationMs / 1000)}
        </span>
        <span class='recording-size number'>{bytes(recording.sizeBytes)}</span>
        <div class='actions recording-actions'><Actions recording={recording} name={name} playable={playable} /></div>
      </div>
      {open && playable && <RecordingPlayer recording={recording} name={name} />}
    </li>
  )
}

type ActionsProps = { recording: Recording, name: string, playable: boolean }

function Actions ({ recording, name, playable }: ActionsProps) {
  const { id, state } = recording
  if (isRunning(recording)) {
    return <Button icon='stop' disabled={state === 'stopping'} onClick={() => act(api.stopRecording(id), 'Recording stopped')}>Stop</Button>
  }
  const download = `Download the recording of ${name}`
  return (
    <>
      {playable && (
        <a class='button button-quiet button-icon' href={recordingFile(id, 1, { download: true })} download aria-label={download} title={download}>
          <Icon name='download' />
        </a>)}
      <ConfirmButton
        icon='trash' label={`Delete the recording of ${name}`} question='Delete this recording?' yes='Delete'
        onConfirm={() => act(api.deleteRecording(id), 'Recording deleted')}
      />
    </>
  )
}
