import { useState } from 'preact/hooks'
import { act } from '../../actions.ts'
import { bytes } from '../../lib/format.ts'
import { api, recordingOf } from '../../store.ts'
import { Button } from '../../ui/button.tsx'
import { Elapsed } from '../../ui/elapsed.tsx'

export function RecordButton ({ room, identity }: { room: string, identity: string }) {
  const [busy, setBusy] = useState(false)
  const recording = recordingOf(room, identity)
  const during = async (work: Promise<unknown>, done: string): Promise<void> => {
    setBusy(true)
    await act(work, done)
    setBusy(false)
  }
  if (!recording) {
    return <Button kind='primary' icon='record' busy={busy} onClick={() => during(api.startRecording(room, identity), `Recording ${identity}`)}>Record</Button>
  }
  return (
    <div class='recording-now'>
      <span class='dot dot-live' />
      <span>{recording.state === 'stopping' ? 'Finishing' : 'Recording'}</span>
      {recording.startedAt && <Elapsed since={recording.startedAt} />}
      <span class='number muted'>{bytes(recording.sizeBytes)}</span>
      <Button icon='stop' busy={busy || recording.state === 'stopping'} onClick={() => during(api.stopRecording(recording.id), 'Recording stopped: it is in the list below')}>Stop</Button>
    </div>
  )
}
