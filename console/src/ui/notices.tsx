import { dismiss, notices } from '../notices.ts'
import { Button } from './button.tsx'

export function Notices () {
  return (
    <div class='notices' role='status' aria-live='polite'>
      {notices.value.map(({ id, text, tone }) => tone === 'quiet'
        ? <span key={id} class='visually-hidden'>{text}</span>
        : (
          <div key={id} class={`notice notice-${tone}`}>
            <span>{text}</span><Button kind='quiet' icon='close' label='Dismiss' onClick={() => dismiss(id)} />
          </div>))}
    </div>
  )
}
