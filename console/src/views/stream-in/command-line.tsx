import { useState } from 'preact/hooks'
import { Button } from '../../ui/button.tsx'
import { CopyButton } from '../../ui/copy.tsx'

type Props = { what: string, line: string, secret: string, note?: string }

/** A command to copy. The key in it stays covered on the screen until asked for; the copy has it. */
export function CommandLine ({ what, line, secret, note }: Props) {
  const [shown, setShown] = useState(false)
  return (
    <>
      <div class='command'>
        <pre tabIndex={0} aria-label={what}><code>{shown ? line : line.replaceAll(secret, '•'.repeat(12))}</code></pre>
        <div class='command-buttons'>
          <Button kind='quiet' icon={shown ? 'eyeOff' : 'eye'} label={`${shown ? 'Hide' : 'Show'} the stream key`} onClick={() => setShown(!shown)} />
          <CopyButton what={what} value={line} text='Copy' />
        </div>
      </div>
      {note && <p class='muted small'>{note}</p>}
    </>
  )
}
