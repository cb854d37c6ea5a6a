import { useEffect, useState } from 'preact/hooks'
import { ApiError } from '../api.ts'
import { messageOf } from '../lib/errors.ts'
import { plural } from '../lib/format.ts'
import { Button } from '../ui/button.tsx'
import { Logo } from '../ui/logo.tsx'
import type { Access } from './access.ts'
import { Call } from './call.ts'
import { NoDevice } from './devices.ts'

const NAME_KEY = 'auralink.name'

type Props = { room: string, access: Access, onJoin: (call: Call) => void }
type Trouble = { problem: string, remedy?: string | undefined }

/** Who are you, and what may the others see and hear? */
export function Lobby ({ room, access, onJoin }: Props) {
  const [name, setName] = useState(localStorage.getItem(NAME_KEY) ?? '')
  const [camera, setCamera] = useState(true)
  const [microphone, setMicrophone] = useState(true)
  const [busy, setBusy] = useState(false)
  const [trouble, setTrouble] = useState<Trouble>()
  const door = useDoor(room, access)

  const join = async (event: Event): Promise<void> => {
    event.preventDefault()
    localStorage.setItem(NAME_KEY, name.trim())
    setBusy(true)
    setTrouble(undefined)
    const call = new Call({ room, name: name.trim(), access })
    try {
      if (microphone) await call.microphone.turnOn()
      if (camera) await call.camera.turnOn()
      call.start()
      onJoin(call)
    } catch (error) {
      call[Symbol.dispose]()
      setTrouble({ problem: messageOf(error), remedy: error instanceof NoDevice ? error.remedy : undefined })
      setBusy(false)
    }
  }

  if (door.shut) return <Shut why={door.shut} />
  return (
    <main class='login'>
      <form class='login-card lobby' onSubmit={join}>
        <Logo />
        <h1>{room}</h1>
        <p class='muted' role='status'>{door.present === undefined ? ' ' : door.present === 0 ? 'Nobody is here yet.' : `${plural(door.present, 'participant')} here.`}</p>
        <label class='input-label' for='call-name'>Your name</label>
        <input
          id='call-name' class='input' value={name} onInput={event => setName(event.currentTarget.value)} required maxLength={60}
          pattern='.*\S.*' autocomplete='name' autofocus
        />
        <fieldset class='lobby-devices'>
          <legend class='visually-hidden'>Join with</legend>
          <Choice name='Microphone' on={microphone} onChange={setMicrophone} />
          <Choice name='Camera' on={camera} onChange={setCamera} />
        </fieldset>
        <div role='alert'>
          {trouble && <div class='banner banner-warn'><strong>{trouble.problem}</strong>{trouble.remedy && <p>{trouble.remedy}</p>}</div>}
        </div>
        <Button kind='primary' type='submit' busy={busy}>Join</Button>
        <p class='muted small'>
          {camera || microphone
            ? 'Your browser will ask whether this page may use them. Nothing is sent before you join.'
            : 'You will see and hear the others; they will see your name.'}
        </p>
      </form>
    </main>
  )
}

const Choice = ({ name, on, onChange }: { name: string, on: boolean, onChange: (on: boolean) => void }) => (
  <label class='switch'><input type='checkbox' checked={on} onChange={event => onChange(event.currentTarget.checked)} />{name}</label>
)

/** Whether one may come in at all, and how many are there already. */
function useDoor (room: string, access: Access): { shut?: string | undefined, present?: number | undefined } {
  const [door, setDoor] = useState<{ shut?: string, present?: number }>({})
  useEffect(() => {
    access.api.roster(room).then(people => setDoor({ present: people.length }), error => {
      if (error instanceof ApiError && error.status === 401) {
        access.forget()
        return setDoor({ shut: access.isInvited ? 'This invitation has ended' : 'You need an invitation' })
      }
      setDoor({ shut: error instanceof ApiError && error.status === 403 ? 'This invitation is for another room' : messageOf(error) })
    })
  }, [])
  return door
}

const Shut = ({ why }: { why: string }) => (
  <main class='login'>
    <div class='login-card'>
      <Logo />
      <h1>{why}</h1>
      <p class='muted'>Ask whoever invited you for a new link, or log in to the console and open this page again.</p>
      <a class='button button-primary' href='/'>Log in</a>
    </div>
  </main>
)
