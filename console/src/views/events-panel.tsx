import type { ServiceEvent } from '../api-types.ts'
import { now } from '../clock.ts'
import { eventSentence } from '../event-sentences.ts'
import { ago } from '../lib/format.ts'
import { events } from '../store.ts'

/** What has happened, newest first. */
export function EventsPanel () {
  const list = events.value
  return (
    <aside class='events' id='events' aria-labelledby='events-title'>
      <h2 id='events-title'>Events</h2>
      {list === undefined || list.length === 0
        ? <p class='muted'>Who comes, who leaves, and why: it shows up here as it happens.</p>
        : <ol class='event-list'>{list.map(event => <Row key={event.sequence} event={event} />)}</ol>}
    </aside>
  )
}

function Row ({ event }: { event: ServiceEvent }) {
  const sentence = eventSentence(event)
  if (!sentence) return null
  const { text, tone } = sentence
  return (
    <li class={`event event-${tone}`}>
      <p>{text}</p>
      <p class='event-where'>
        {event.room !== null && <>{event.room} · </>}
        <time dateTime={event.at} title={event.type}>{ago(Date.parse(event.at), now.value)}</time>
      </p>
    </li>
  )
}
