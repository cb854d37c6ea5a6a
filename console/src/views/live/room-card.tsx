import { act } from '../../actions.ts'
import { whepPath } from '../../api.ts'
import { plural } from '../../lib/format.ts'
import { api, type RoomView, viewersOf } from '../../store.ts'
import { ConfirmButton } from '../../ui/confirm-button.tsx'
import { CopyButton } from '../../ui/copy.tsx'
import { Elapsed } from '../../ui/elapsed.tsx'
import { Invite } from './invite.tsx'
import { ParticipantCard } from './participant-card.tsx'

export function RoomCard ({ conference, participants }: RoomView) {
  const { room } = conference
  const watching = viewersOf(room)
  return (
    <article class='room' aria-label={`Room ${room}`}>
      <header class='room-head'>
        <h3>{room}</h3>
        <p class='room-facts'>
          <span>{plural(participants.length, 'source')}</span>
          <span>{plural(watching, 'viewer')}</span>
          <span>open <Elapsed since={conference.openedAt} /></span>
        </p>
        <CopyButton what='WHEP URL of the room' value={location.origin + whepPath(room)} text='WHEP URL' />
        <Invite room={room} />
        {participants.length !== 1 &&
          <ConfirmButton
            icon='close' text='Close' label={`Close room ${room}`} question={`Disconnect everybody in ${room}?`} yes='Close the room'
            onConfirm={() => act(api.closeConference(conference.id), `Room ${room} was closed`)}
          />}
      </header>
      {participants.length === 0 && <p class='muted'>Nobody is sending into this room at the moment.</p>}
      <div class={participants.length > 1 ? 'participants participants-many' : 'participants'}>
        {participants.map(participant => (
          <ParticipantCard key={participant.id} room={room} participant={participant} alone={participants.length === 1} />))}
      </div>
    </article>
  )
}
