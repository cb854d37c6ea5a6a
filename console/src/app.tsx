import { useEffect } from 'preact/hooks'
import { followEvents } from './events.ts'
import { keepFresh } from './refresh.ts'
import { linkInUse } from './session.ts'
import { auth, trouble } from './store.ts'
import { Logo } from './ui/logo.tsx'
import { Notices } from './ui/notices.tsx'
import { Login } from './views/login.tsx'
import { Page } from './views/page.tsx'

export function App () {
  const out = auth.value === 'out'
  const busy = linkInUse.value
  useEffect(() => {
    if (out || busy) return
    const controller = new AbortController()
    void keepFresh(controller.signal)
    void followEvents(controller.signal)
    return () => controller.abort()
  }, [out, busy])
  return (
    <>
      {out && !busy ? <Login /> : auth.value === 'in' ? <Page /> : <Opening />}
      <Notices />
    </>
  )
}

const Opening = () => (
  <main class='opening' aria-busy='true'>
    <Logo />
    <p class='muted' role='status'>{trouble.value ? `${trouble.value}. Trying again…` : ''}</p>
  </main>
)
