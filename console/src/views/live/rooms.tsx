import { rooms } from '../../store.ts'
import { Empty } from '../../ui/empty.tsx'
import { Section } from '../../ui/section.tsx'
import { OpenCall } from './open-call.tsx'
import { RoomCard } from './room-card.tsx'

export function Rooms () {
  const list = rooms.value ?? []
  return (
    <Section id='live' title='Live' count={list.length} aside={<OpenCall />}>
      {rooms.value && list.length === 0
        ? (
          <Empty title='Nothing is live yet'>
            <ol class='steps'>
              <li><span>Take the server and the stream key from <a href='#stream-in'>Stream in</a>.</span></li>
              <li>Put them into OBS, or run the ffmpeg line as it is.</li>
              <li>The picture appears here within about a second, ready to record.</li>
            </ol>
          </Empty>)
        : list.map(view => <RoomCard key={view.conference.id} {...view} />)}
    </Section>
  )
}
