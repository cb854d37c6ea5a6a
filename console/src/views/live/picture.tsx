import { useRef, useState } from 'preact/hooks'
import { Button } from '../../ui/button.tsx'
import { PictureNote } from './picture-note.tsx'
import { useOnScreen } from './use-on-screen.ts'
import { useWhep } from './use-whep.ts'

type Props = { room: string, identity: string, name: string, kinds: readonly ('audio' | 'video')[] }

/** A participant's moving picture, as any viewer gets it. A click makes it as large as the window. */
export function Picture ({ room, identity, name, kinds }: Props) {
  const frame = useRef<HTMLDivElement>(null)
  const stage = useRef<HTMLDivElement>(null)
  const video = useRef<HTMLVideoElement>(null)
  const [muted, setMuted] = useState(true)
  const [large, setLarge] = useState(false)
  const onScreen = useOnScreen(frame)
  const state = useWhep(video, { room, identity, kinds, wanted: onScreen })
  const audioOnly = kinds.length > 0 && !kinds.includes('video')

  /** The same element, lifted to the top layer: nothing reconnects, Escape and a click beside it bring it back. */
  const enlarge = (): void => {
    if (large) return stage.current?.hidePopover()
    stage.current?.setAttribute('popover', 'auto')
    stage.current?.showPopover()
  }
  const onToggle = ({ newState }: { newState: string }): void => {
    const open = newState === 'open'
    setLarge(open)
    if (!open) stage.current?.removeAttribute('popover')
  }

  return (
    <div class={audioOnly ? 'picture picture-audio' : 'picture'} ref={frame}>
      <div class={large ? 'stage stage-large' : 'stage'} ref={stage} onToggle={onToggle}>
        <video
          ref={video} class='stage-video' muted={muted} autoplay playsInline onClick={enlarge}
          aria-label={`Live picture of ${name}`}
        />
        {audioOnly && <p class='stage-audio'>{name}<span>sound only</span></p>}
        <PictureNote state={state} hasMedia={kinds.length > 0} />
        <div class='stage-buttons'>
          {kinds.includes('audio') &&
            <Button kind='quiet' icon={muted ? 'soundOff' : 'sound'} label={`${muted ? 'Hear' : 'Mute'} ${name}`} onClick={() => setMuted(!muted)} />}
          <Button
            kind='quiet' icon={large ? 'close' : 'expand'} onClick={enlarge}
            label={large ? 'Make the picture small again' : `Enlarge the picture of ${name}`}
          />
        </div>
      </div>
    </div>
  )
}
