import { act } from '../../actions.ts'
import { whepPath } from '../../api.ts'
import type { Participant } from '../../api-types.ts'
import { nameOf } from '../../call/place.ts'
import { bitrate } from '../../lib/format.ts'
import { sourceNames } from '../../names.ts'
import { api, participantRates, sessions } from '../../store.ts'
import { Badge } from '../../ui/badge.tsx'
import { ConfirmButton } from '../../ui/confirm-button.tsx'
import { CopyButton } from '../../ui/copy.tsx'
import { Elapsed } from '../../ui/elapsed.tsx'
import { Sparkline } from '../../ui/sparkline.tsx'
import { AdviceList } from './advice.tsx'
import { Picture } from './picture.tsx'
import { RecordButton } from './record-button.tsx'
import { TrackList } from './track-list.tsx'

/** One source in a room: what it looks like, what it sends, what can be done with it. */
export function ParticipantCard ({ room, participant, alone }: { room: string, participant: Participant, alone: boolean }) {
  const { id, identity, source, sessionId, joinedAt, tracks } = participant
  const name = nameOf(identity, participant.name)
  const meter = participantRates.get(id)
  const rate = meter?.bitsPerSecond
  const session = sessions.value?.find(s => s.id === sessionId)
  return (
    <article class='participant' aria-label={name}><div class='participant-card'>
      <Picture room={room} identity={identity} name={name} kinds={[...new Set(tracks.map(t => t.kind))]} />
      <div class='participant-body'>
        <header class='participant-head'>
          <h4>{name}</h4>
          <Badge tone='accent'>{sourceNames[source] ?? source}</Badge>
          <span class='muted small'>on air <Elapsed since={joinedAt} /></span>
        </header>
        <div class='rate'>
          <span class='rate-now number'>{rate === undefined ? 'measuring…' : bitrate(rate)}</span>
          <Sparkline points={meter?.history ?? []} label={`Bitrate of ${name} over the last minutes`} />
        </div>
        <TrackList tracks={tracks} detail={session?.stats.detail} />
        <AdviceList advice={session?.stats.advice ?? []} />
        <footer class='actions'>
          <RecordButton room={room} identity={identity} />
          {!alone && <CopyButton what={`WHEP URL of ${name}`} value={location.origin + whepPath(room, identity)} text='WHEP URL' />}
          {sessionId !== null &&
            <ConfirmButton
              icon='close' text='End' label={`End the session of ${name}`} question={`Disconnect ${name}?`} yes='Disconnect'
              onConfirm={() => act(api.endSession(sessionId), `${name} was disconnected`)}
            />}
        </footer>
      </div>
    </div></article>
  )
}
