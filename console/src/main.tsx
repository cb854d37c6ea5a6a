import { render } from 'preact'
import './styles/index.css'
import { App } from './app.tsx'
import { logInByLink } from './session.ts'

void logInByLink()
render(<App />, document.getElementById('page')!)
