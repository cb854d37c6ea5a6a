import { useEffect, useState } from 'preact/hooks'
import { Button } from '../ui/button.tsx'
import { Logo } from '../ui/logo.tsx'
import { Notices } from '../ui/notices.tsx'
import type { Access } from './access.ts'
import type { Call } from './call.ts'
import { CallRoom } from './call-room.tsx'
import { Lobby } from './lobby.tsx'

type Props = { room: string, access: Access }

/** `/call/{room}`: joining, being there, having left. */
export function CallPage ({ room, access }: Props) {
  const [call, setCall] = useState<Call>()
  const [left, setLeft] = useState(false)
  useEffect(() => {
    document.title = `${room} · AuraLink`
    return () => call?.[Symbol.dispose]()
  }, [call])
  const leave = (): void => {
    setCall(undefined)
    setLeft(true)
  }
  return (
    <>
      {call
        ? <CallRoom call={call} onLeave={leave} />
        : left
          ? <Left room={room} onReturn={() => setLeft(false)} />
          : <Lobby room={room} access={access} onJoin={setCall} />}
      <Notices />
    </>
  )
}

const Left = ({ room, onReturn }: { room: string, onReturn: () => void }) => (
  <main class='login'>
    <div class='login-card'>
      <Logo />
      <h1>You have left</h1>
      <p class='muted'>Camera and microphone are off. Nobody in {room} sees or hears you.</p>
      <Button kind='primary' onClick={onReturn}>Come back</Button>
    </div>
  </main>
)
