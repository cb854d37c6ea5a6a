import { trouble } from '../store.ts'
import { EventsPanel } from './events-panel.tsx'
import { Header } from './header.tsx'
import { Rooms } from './live/rooms.tsx'
import { Recordings } from './recordings/recordings.tsx'
import { Sessions } from './sessions.tsx'
import { StreamIn } from './stream-in/stream-in.tsx'

export function Page () {
  return (
    <>
      <a class='skip' href='#live'>Skip to the live rooms</a>
      <Header />
      <div class='page-alert' role='status' aria-live='polite'>
        {trouble.value && <p class='banner banner-warn'>{trouble.value}. What you see is from before; trying again…</p>}
      </div>
      <div class='page'>
        <main class='page-main'>
          <Rooms />
          <StreamIn />
          <Recordings />
          <Sessions />
        </main>
        <EventsPanel />
      </div>
    </>
  )
}
