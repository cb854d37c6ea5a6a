import { act } from '../../actions.ts'
import type { IngressWithKey } from '../../api-types.ts'
import { api, chosen, ingresses } from '../../store.ts'
import { ConfirmButton } from '../../ui/confirm-button.tsx'

/** Opens and shuts the chosen door, and changes its lock. */
export function DoorBar ({ ingress: { id, name, room, enabled: was } }: { ingress: IngressWithKey }) {
  const { enabled = was, live = false } = ingresses.value?.find(ingress => ingress.id === id) ?? {}
  const enable = (on: boolean): void => { void act(api.enableIngress(id, on), on ? `${name} lets its encoder in` : `${name} is switched off`) }
  const rotate = async (): Promise<void> => {
    const changed = await act(api.rotateKey(id), `${name} has a new key; the old one opens nothing any more`)
    if (changed && chosen.peek()?.id === id) chosen.value = changed
  }
  return (
    <div class='door-bar'>
      <p><strong>{name}</strong><span class='muted'> into {room}</span></p>
      <label class='switch'>
        <input type='checkbox' checked={enabled} onChange={event => enable(event.currentTarget.checked)} />Enabled
      </label>
      <ConfirmButton
        icon='rotate' text='New key' label={`Make a new key for ${name}`} yes='New key'
        question={live ? 'Replace the key and cut off?' : 'Replace the key?'} onConfirm={rotate}
      />
    </div>
  )
}
