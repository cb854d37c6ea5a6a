import { messageOf } from './lib/errors.ts'
import { signal } from '@preact/signals'
import { say } from './notices.ts'
import { api, auth, loggedOut } from './store.ts'

/** True while a one-time link is being used: no form meanwhile. */
export const linkInUse = signal(false)

/** A link such as `/?login=<token>` logs in by itself, and leaves neither the address bar nor the history with its token. */
export async function logInByLink (): Promise<void> {
  const here = new URL(location.href)
  const token = here.searchParams.get('login')
  if (token === null) return
  here.searchParams.delete('login')
  history.replaceState(null, '', here)
  linkInUse.value = true
  try {
    await api.login({ token })
    auth.value = 'in'
  } catch {
    say('That link was already used or is too old. Log in with the admin API key instead.', 'bad')
  } finally {
    linkInUse.value = false
  }
}

/** @returns what went wrong, for the form to show. */
export async function logInWithKey (apiKey: string): Promise<string | undefined> {
  try {
    await api.login({ apiKey })
    auth.value = 'in'
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

export async function logOut (): Promise<void> {
  await api.logout().catch(() => {}) // Without the service there is nothing to log out of; the page forgets all the same.
  loggedOut()
}
