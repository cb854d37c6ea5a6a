import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { whepPath } from '../api.ts'
import type { Attendee } from '../api-types.ts'
import { PictureNote } from '../views/live/picture-note.tsx'
import { play, type WhepState } from '../whep.ts'
import type { Call } from './call.ts'

type Props = { call: Call, attendee: Attendee, name: string }

/** Somebody else: seen and heard by a WHEP session of their own. */
export function Tile ({ call, attendee: { identity, kinds }, name }: Props) {
  const video = useRef<HTMLVideoElement>(null)
  const [state, setState] = useState<WhepState>({ phase: 'connecting', attempt: 1 })
  useEffect(() => {
    if (!video.current) return
    const controller = new AbortController()
    const { signal } = controller
    const leave = (): void => controller.abort()
    addEventListener('pagehide', leave, { signal })
    void play({
      url: whepPath(call.room, identity), kinds, screen: video.current, signal, tell: setState,
      token: () => call.access.token(), connecting: connection => call.links.add(identity, connection)
    })
    return () => {
      leave()
      call.links.remove(identity)
    }
  }, [])
  return (
    <Frame name={name} speaking={call.links.speaking.value.has(identity)}>
      <video ref={video} class='tile-video' autoplay playsInline aria-label={`Picture of ${name}`} />
      {!kinds.includes('video') && <p class='stage-audio'>{name}<span>sound only</span></p>}
      {state.phase !== 'playing' && <PictureNote state={state} hasMedia />}
    </Frame>
  )
}

type OwnProps = { call: Call, track: MediaStreamTrack, name: string, mirrored?: boolean }

/** What the others see of you. */
export function OwnTile ({ call, track, name, mirrored = false }: OwnProps) {
  const video = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    if (video.current) video.current.srcObject = new MediaStream([track])
  }, [track])
  return (
    <Frame name={name} speaking={name === 'You' && call.links.speaking.value.has(call.identity)}>
      <video ref={video} class={mirrored ? 'tile-video tile-mirrored' : 'tile-video'} autoplay playsInline muted aria-label={`Picture of ${name}`} />
    </Frame>
  )
}

const Frame = ({ name, speaking, children }: { name: string, speaking: boolean, children: ComponentChildren }) => (
  <li class={speaking ? 'tile tile-speaking' : 'tile'} aria-label={speaking ? `${name}, speaking` : name}>
    {children}
    <span class='tile-name'>{name}</span>
  </li>
)
