import { readiness, trouble } from '../store.ts'

/** `not_ready` -> `Not ready`, `ai_core` -> `Ai core`. */
const words = (name: string): string => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll('_', ' ')

/** One dot for whether the service takes work, and which dependency is in the way if not. */
export function Readiness () {
  const { status = 'unknown', checks = {} } = readiness.value ?? {}
  const all = Object.entries(checks)
  const down = all.filter(([, ok]) => !ok).map(([name]) => words(name))
  const ready = !trouble.value && status === 'ready'
  const tone = !ready ? 'bad' : down.length > 0 ? 'warn' : 'good'
  const text = trouble.value ? 'No answer' : `${ready ? 'Ready' : words(status)}${down.length > 0 ? `: ${down.join(', ')} down` : ''}`
  return (
    <>
      <button type='button' class='readiness' popovertarget='dependencies' aria-haspopup='true'>
        <span class={`dot dot-${tone}`} /><span>{text}</span>
      </button>
      <span class='visually-hidden' role='status'>{text}</span>
      <ul class='readiness-list' id='dependencies' popover='auto' aria-label='Dependencies'>
        {all.length === 0 && <li class='muted'>No dependencies</li>}
        {all.map(([name, ok]) => (
          <li key={name}><span class={`dot dot-${ok ? 'good' : 'bad'}`} />{words(name)}<span class='muted'>{ok ? 'ok' : 'not ok'}</span></li>))}
      </ul>
    </>
  )
}
