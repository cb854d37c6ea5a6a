import { useState } from 'preact/hooks'
import { bytes } from '../../lib/format.ts'
import { recordings, recordingsReach } from '../../store.ts'
import { Empty } from '../../ui/empty.tsx'
import { Section } from '../../ui/section.tsx'
import { ShowOlder } from '../../ui/show-older.tsx'
import { RecordingRow } from './recording-row.tsx'

export function Recordings () {
  const [playing, setPlaying] = useState<string>()
  const list = recordings.value ?? []
  const toggle = (id: string): void => setPlaying(playing === id ? undefined : id)
  const total = list.reduce((sum, r) => sum + r.sizeBytes, 0)
  return (
    <Section id='recordings' title='Recordings' count={list.length} aside={total > 0 && <p class='muted number'>{bytes(total)} in all</p>}>
      {recordings.value && list.length === 0
        ? (
          <Empty title='No recordings yet'>
            <p>
              Press Record beside a live picture. The file is written as it comes, a fragment each second: whatever happens to the
              service, at most one second is lost.
            </p>
          </Empty>)
        : (
          <ul class='recordings'>
            {list.map(recording => (
              <RecordingRow key={recording.id} recording={recording} open={playing === recording.id} onToggle={() => toggle(recording.id)} />))}
          </ul>)}
      <ShowOlder reach={recordingsReach} what='recordings' />
    </Section>
  )
}
