import { useState } from 'preact/hooks'
import { act } from '../../actions.ts'
import type { Ingress } from '../../api-types.ts'
import { choose } from '../../chosen.ts'
import { api, chosen, ingresses } from '../../store.ts'
import { Button } from '../../ui/button.tsx'
import { ConfirmButton } from '../../ui/confirm-button.tsx'

/** The doors encoders come through: one stream key each. */
export function IngressList ({ list }: { list: readonly Ingress[] }) {
  return (
    <div class='ingresses'>
      <h3 class='subhead'>Choose a stream key</h3>
      {ingresses.value && list.length === 0 && <p class='muted'>There is none yet. Make one below: it lets one encoder into one room.</p>}
      <ul class='ingress-list'>
        {list.map(ingress => <IngressRow key={ingress.id} ingress={ingress} />)}
      </ul>
      <NewIngress />
    </div>
  )
}

function IngressRow ({ ingress: { id, name, room, enabled, live } }: { ingress: Ingress }) {
  const current = chosen.value?.id === id
  const state = !enabled ? 'switched off' : live ? `on air in ${room}` : `into ${room}`
  return (
    <li class={current ? 'ingress ingress-current' : 'ingress'}>
      <button type='button' class='ingress-choose' aria-pressed={current} onClick={() => choose(id)}>
        <span class={live ? 'dot dot-live' : 'dot'} />
        <span><strong>{name}</strong><span class='muted'>{state}</span></span>
      </button>
      <ConfirmButton
        icon='trash' label={`Delete ${name}`} question={live ? 'Delete and cut off?' : 'Delete this key?'} yes='Delete'
        onConfirm={() => act(api.deleteIngress(id), `${name} was deleted`)}
      />
    </li>
  )
}

function NewIngress () {
  const [room, setRoom] = useState('')
  const [busy, setBusy] = useState(false)
  const create = async (event: Event): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    const ingress = await act(api.createIngress({ room: room.trim() }), `A key for room ${room.trim()} is ready`)
    setBusy(false)
    if (!ingress) return
    chosen.value = ingress
    setRoom('')
  }
  return (
    <form class='ingress-new' onSubmit={create}>
      <label class='input-label' for='new-room'>New key for room</label>
      <div class='input-row'>
        <input
          id='new-room' class='input' value={room} onInput={event => setRoom(event.currentTarget.value)} required
          pattern='[A-Za-z0-9][A-Za-z0-9._~\-]{0,127}' title='Letters, digits, dots, dashes, underscores or tildes'
          placeholder='studio' autocomplete='off' spellcheck={false}
        />
        <Button icon='plus' type='submit' busy={busy}>Create</Button>
      </div>
    </form>
  )
}
