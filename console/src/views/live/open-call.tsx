import { useState } from 'preact/hooks'
import { Button } from '../../ui/button.tsx'

/** A call in a room that nobody has to be in yet. */
export function OpenCall () {
  const [room, setRoom] = useState('')
  const open = (event: Event): void => {
    event.preventDefault()
    window.open(`/call/${encodeURIComponent(room.trim())}`, '_blank', 'noopener')
  }
  return (
    <form class='open-call' onSubmit={open}>
      <label class='visually-hidden' for='call-room'>Room of the call</label>
      <input
        id='call-room' class='input' value={room} onInput={event => setRoom(event.currentTarget.value)} required placeholder='room'
        pattern='[A-Za-z0-9][A-Za-z0-9._~\-]{0,127}' title='Letters, digits, dots, dashes, underscores or tildes' autocomplete='off' spellcheck={false}
      />
      <Button icon='camera' type='submit'>Call</Button>
    </form>
  )
}
