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

/** Asks in place before it does what cannot be undone. */
export function ConfirmButton ({ icon, label, text, question, yes, onConfirm }: Props) {
  const [asking, setAsking] = useState(false)
  const answer = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (!asking) return
    answer.current?.querySelector('button')?.focus()
    const timer = setTimeout(() => setAsking(false), PATIENCE_MS)
    return () => clearTimeout(timer)
  }, [asking])

  if (!asking) return <Button kind='quiet' icon={icon} label={label} onClick={() => setAsking(true)}>{text}</Button>
  return (
    <div class='confirm' role='group' aria-label={question} ref={answer} onKeyDown={event => event.key === 'Escape' && setAsking(false)}>
      <span class='confirm-question'>{question}</span>
      <Button onClick={() => setAsking(false)}>Keep</Button>
      <Button kind='danger' onClick={() => { setAsking(false); onConfirm() }}>{yes}</Button>
    </div>
  )
}
