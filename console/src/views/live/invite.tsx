import { useState } from 'preact/hooks'
import { act } from '../../actions.ts'
import { INVITATION_S } from '../../call/access.ts'
import { invitation } from '../../call/place.ts'
import { api } from '../../store.ts'
import { Button } from '../../ui/button.tsx'
import { CopyField } from '../../ui/copy.tsx'

/** A link that lets somebody without an account into the room's call, for a while. */
export function Invite ({ room }: { room: string }) {
  const [link, setLink] = useState<string>()
  const invite = async (): Promise<void> => {
    const token = await act(api.callToken(room, INVITATION_S))
    if (token !== undefined) setLink(invitation(location.origin, room, token))
  }
  return (
    <>
      <a class='button button-quiet' href={`/call/${encodeURIComponent(room)}`} target='_blank' rel='noopener'>Join the call</a>
      <Button kind='quiet' icon='people' label={`Invite somebody to ${room}`} onClick={invite}>Invite</Button>
      {link !== undefined &&
        <div class='invitation' role='status'>
          <CopyField name={'For an hour, whoever has this link may join the call'} value={link} />
        </div>}
    </>
  )
}
