import { useEffect, useState } from 'preact/hooks'
import { logInWithKey } from '../session.ts'
import { api } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { Logo } from '../ui/logo.tsx'

export function Login () {
  const [key, setKey] = useState('')
  const [trouble, setTrouble] = useState('')
  const [busy, setBusy] = useState(false)
  const [provider, setProvider] = useState<string | null>(null)
  useEffect(() => { api.loginPage().then(setProvider, () => {}) }, [])

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    setTrouble(await logInWithKey(key.trim()) ?? '')
    setBusy(false)
  }

  return (
    <main class='login'>
      <form class='login-card' onSubmit={submit}>
        <Logo />
        <h1>AuraLink</h1>
        <p class='muted'>Encoders in, browsers and recordings out. Log in to see what is live.</p>
        {/* A name for password managers; the service has one admin key and no names. */}
        <input
          class='visually-hidden' type='text' name='username' autocomplete='username' value='admin'
          tabIndex={-1} aria-hidden='true' readOnly
        />
        <label class='input-label' for='api-key'>Admin API key</label>
        <input
          id='api-key' class='input' type='password' name='password' autocomplete='current-password' required autofocus
          value={key} onInput={event => setKey(event.currentTarget.value)} aria-invalid={trouble !== ''} aria-describedby='api-key-help'
        />
        <p class='input-trouble' role='alert'>{trouble}</p>
        <Button kind='primary' type='submit' busy={busy}>Log in</Button>
        {provider !== null && <a class='button' href={provider}>Log in with your organisation</a>}
        <p id='api-key-help' class='muted small'>
          It is in the file <code>admin-api-key</code> of the data folder, unless <code>AURALINK_ADMIN_API_KEY</code> sets another.
          Or let <code>npm start -- --login</code> print a link that logs in by itself.
        </p>
      </form>
    </main>
  )
}
