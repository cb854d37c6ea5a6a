import { useEffect, useRef, useState } from 'preact/hooks'
import { act } from '../../actions.ts'
import { bytes } from '../../lib/format.ts'
import { api, recordingOf } from '../../store.ts'
import { Button } from '../../ui/button.tsx'
import { Elapsed } from '../../ui/elapsed.tsx'

/** Record, or how the recording goes and Stop. */
export function RecordButton ({ room, identity }: { room: string, identity: string }) {
  const [busy, setBusy] = useState(false)
  const place = useRef<HTMLDivElement>(null)
  const pressed = useRef(false)
  const recording = recordingOf(room, identity)
  const id = recording?.id
  useEffect(() => {
    if (pressed.current) place.current?.querySelector('button')?.focus() // The button that was pressed is gone; its opposite is here.
    pressed.current = false
  }, [id])
  const during = async (work: Promise<unknown>, done: string): Promise<void> => {
    pressed.current = true
    setBusy(true)
    await act(work, done)
    setBusy(false)
  }
  const start = (): Promise<void> => during(api.startRecording(room, identity), `Recording ${identity}`)
  const stop = (which: string): Promise<void> => during(api.stopRecording(which), 'Recording stopped: it is in the list below')

  return (
    <div class={recording ? 'recording-now' : 'record'} ref={place}>
      {recording
        ? (
          <>
            <span class='dot dot-live' />
            <span>{recording.state === 'stopping' ? 'Finishing' : 'Recording'}</span>
            {recording.startedAt && <Elapsed since={recording.startedAt} />}
            <span class='number muted'>{bytes(recording.sizeBytes)}</span>
            <Button icon='stop' busy={busy || recording.state === 'stopping'} onClick={() => stop(recording.id)}>Stop</Button>
          </>)
        : <Button kind='primary' icon='record' busy={busy} onClick={start}>Record</Button>}
    </div>
  )
}
