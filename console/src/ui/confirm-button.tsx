import { useEffect, useRef, useState } from 'preact/hooks'
import { Button } from './button.tsx'
import type { IconName } from './icon.tsx'

/** An unanswered question takes itself back, so that a later stray click does nothing. */
const PATIENCE_MS = 8_000

type Props = {
  icon: IconName
  label: string
  /** Shown beside the icon; without it the icon stands alone. */
  text?: string
  question: string
  yes: string
  onConfirm: () => unknown
}

/** Asks in place before it does what cannot be undone. The keyboard's focus goes to the safe answer, and back. */
export function ConfirmButton ({ icon, label, text, question, yes, onConfirm }: Props) {
  const [asking, setAsking] = useState(false)
  const place = useRef<HTMLDivElement>(null)
  const hadFocus = useRef(false)
  useEffect(() => {
    if (hadFocus.current) place.current?.querySelector('button')?.focus()
    if (!asking) return
    const timer = setTimeout(() => turn(false), PATIENCE_MS)
    return () => clearTimeout(timer)
  }, [asking])
  const turn = (to: boolean): void => {
    hadFocus.current = place.current?.contains(document.activeElement) ?? false
    setAsking(to)
  }

  return (
    <div class='confirm-place' ref={place} onKeyDown={event => event.key === 'Escape' && turn(false)}>
      {asking
        ? (
          <div class='confirm' role='group' aria-label={question}>
            <span class='confirm-question'>{question}</span>
            <Button onClick={() => turn(false)}>Keep</Button>
            <Button kind='danger' onClick={() => { turn(false); onConfirm() }}>{yes}</Button>
          </div>)
        : <Button kind='quiet' icon={icon} label={label} onClick={() => turn(true)}>{text}</Button>}
    </div>
  )
}
