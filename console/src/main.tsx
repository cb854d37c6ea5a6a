import { render } from 'preact'
import './styles/index.css'
import { App } from './app.tsx'
import { Access, takeInvitation } from './call/access.ts'
import { CallPage } from './call/call-page.tsx'
import { roomOf } from './call/place.ts'
import { logInByLink } from './session.ts'

const page = document.getElementById('page')!
const room = roomOf(location.pathname)
if (room === undefined) {
  void logInByLink()
  render(<App />, page)
} else {
  render(<CallPage room={room} access={new Access(room, takeInvitation(room))} />, page)
}
