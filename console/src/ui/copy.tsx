import { useEffect, useState } from 'preact/hooks'
import { say } from '../notices.ts'
import { Button } from './button.tsx'

const THANKS_MS = 1_600

/** The clipboard needs https or localhost; a selection and the old command work on plain http too. */
export async function toClipboard (text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  area.style.position = 'fixed'
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}

/** @param what names what is copied: “Stream key”. */
export function CopyButton ({ value, what, text }: { value: string, what: string, text?: string }) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), THANKS_MS)
    return () => clearTimeout(timer)
  }, [copied])
  const copy = (): void => {
    toClipboard(value).then(() => {
      setCopied(true)
      say(`${what} copied`, 'quiet')
    }, () => say(`${what} could not be copied: the browser did not allow it`, 'bad'))
  }
  return <Button kind='quiet' icon={copied ? 'check' : 'copy'} label={copied ? 'Copied' : `Copy ${what}`} onClick={copy}>{text}</Button>
}

/** One value a person carries to another program. */
export function CopyField ({ name, value, secret = false }: { name: string, value: string, secret?: boolean }) {
  const [shown, setShown] = useState(!secret)
  return (
    <div class='field'>
      <span class='field-name'>{name}</span>
      <div class='field-box'>
        <code class='field-value'>{shown ? value : '•'.repeat(Math.min(24, value.length))}</code>
        {secret &&
          <Button kind='quiet' icon={shown ? 'eyeOff' : 'eye'} label={`${shown ? 'Hide' : 'Show'} ${name}`} onClick={() => setShown(!shown)} />}
        <CopyButton value={value} what={name} />
      </div>
    </div>
  )
}
