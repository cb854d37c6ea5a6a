import { act } from '../actions.ts'
import { sessionReport } from '../api.ts'
import type { Session } from '../api-types.ts'
import { now } from '../clock.ts'
import { bitrate, bytes, duration, moment } from '../lib/format.ts'
import { sourceNames } from '../names.ts'
import { refreshSoon } from '../refresh.ts'
import { api, pastReach, pastSessions, pastWanted, sessionRates, sessions } from '../store.ts'
import { Badge, type Tone } from '../ui/badge.tsx'
import { ConfirmButton } from '../ui/confirm-button.tsx'
import { Elapsed } from '../ui/elapsed.tsx'
import { Empty } from '../ui/empty.tsx'
import { Section } from '../ui/section.tsx'
import { ShowOlder } from '../ui/show-older.tsx'

const tones: Readonly<Record<Session['state'], Tone>> = { starting: 'plain', active: 'good', ended: 'plain', failed: 'bad' }
const stateNames: Readonly<Record<Session['state'], string>> = { starting: 'Starting', active: 'Active', ended: 'Ended', failed: 'Failed' }
const columns = ['Kind', 'Room', 'State', 'From', 'Since', 'Traffic']

/** Every way in and out, of every kind, in one table. */
export function Sessions () {
  const live = sessions.value ?? []
  const past = pastWanted.value
  const list = past ? [...live, ...pastSessions.value.filter(({ id }) => !live.some(s => s.id === id))] : live
  return (
    <Section id='sessions' title='Sessions' count={live.length} aside={<PastSwitch />}>
      {list.length === 0
        ? (
          <Empty title={past ? 'No session yet' : 'Nobody is connected'}>
            <p>Every encoder, viewer and recording has a row here while it lasts, and says why it ended when it does.</p>
          </Empty>)
        : (
          <div class='table-scroll'>
            <table class='sessions'>
              <thead>
                <tr>{columns.map(name => <th key={name}>{name}</th>)}<th><span class='visually-hidden'>Actions</span></th></tr>
              </thead>
              <tbody>{list.map(session => <Row key={session.id} session={session} />)}</tbody>
            </table>
          </div>)}
      {past && <ShowOlder reach={pastReach} what='sessions' />}
    </Section>
  )
}

function PastSwitch () {
  const show = (wanted: boolean): void => {
    pastWanted.value = wanted
    if (wanted) refreshSoon()
  }
  return (
    <label class='switch'>
      <input type='checkbox' checked={pastWanted.value} onChange={event => show(event.currentTarget.checked)} />Show ended
    </label>
  )
}

function Row ({ session }: { session: Session }) {
  const { id, type, room, state, reason, remoteAddress, startedAt, endedAt, stats } = session
  const kind = sourceNames[type] ?? type
  const rate = sessionRates.get(id)?.bitsPerSecond
  return (
    <tr>
      <th scope='row'><a href={sessionReport(id)} target='_blank' title={`How this ${kind} session in ${room} goes, with plots`}>{kind}</a></th>
      <td>{room}</td>
      <td><Badge tone={tones[state]}>{stateNames[state]}</Badge>{reason && <span class='reason'>{reason}</span>}</td>
      <td class='number muted'>{remoteAddress ?? '–'}</td>
      <td class='number'>{endedAt === null ? <Elapsed since={startedAt} /> : <Stay from={startedAt} to={endedAt} />}</td>
      <td class='number'>{endedAt === null && rate !== undefined ? bitrate(rate) : bytes(stats.bytesIn + stats.bytesOut)}</td>
      <td>
        {endedAt === null &&
          <ConfirmButton
            icon='close' label={`End this ${kind} session in ${room}`} question='End it?' yes='End'
            onConfirm={() => act(api.endSession(id), 'The session was ended')}
          />}
      </td>
    </tr>
  )
}

const Stay = ({ from, to }: { from: string, to: string }) => (
  <>
    {moment(new Date(from), new Date(now.value))}
    <span class='muted'> for {duration((Date.parse(to) - Date.parse(from)) / 1000)}</span>
  </>
)
