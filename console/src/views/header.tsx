import { plural } from '../lib/format.ts'
import { logOut } from '../session.ts'
import { liveRecordings, participantCount, rooms, status, viewersOf } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { Logo } from '../ui/logo.tsx'
import { Readiness } from './readiness.tsx'

const links = [['live', 'Live'], ['stream-in', 'Stream in'], ['recordings', 'Recordings'], ['sessions', 'Sessions']] as const

export function Header () {
  const service = status.value?.service
  return (
    <header class='header'>
      <div class='header-row'>
        <div class='brand'>
          <Logo />
          <div>
            <h1>AuraLink</h1>
            <p class='brand-line'>
              {service ? <>{service.name} {service.version}<span class='brand-bridge'> · {service.bridgeId}</span></> : ' '}
            </p>
          </div>
        </div>
        <nav class='header-nav' aria-label='Sections'>
          {links.map(([id, name]) => <a key={id} href={`#${id}`}>{name}</a>)}
        </nav>
        <div class='header-side'>
          <Counts />
          <Readiness />
          <Button kind='quiet' icon='leave' label='Log out' onClick={logOut} />
        </div>
      </div>
    </header>
  )
}

function Counts () {
  if (!rooms.value) return null
  const recording = liveRecordings.value.length
  return (
    <ul class='counts' aria-label='Right now'>
      <li>{plural(rooms.value.length, 'room')}</li>
      <li>{plural(participantCount.value, 'source')}</li>
      <li>{plural(viewersOf(), 'viewer')}</li>
      {recording > 0 && <li class='counts-live'><span class='dot dot-live' />{recording} recording</li>}
    </ul>
  )
}
