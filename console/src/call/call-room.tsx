import { useEffect, useRef, useState } from 'preact/hooks'
import { CallBar } from './call-bar.tsx'
import type { Call } from './call.ts'
import { Inspector } from './inspector.tsx'
import { nameOf } from './place.ts'
import { OwnTile, Tile } from './tile.tsx'

/** Everybody, oneself last, and what one can do. */
export function CallRoom ({ call, onLeave }: { call: Call, onLeave: () => void }) {
  const [inspecting, setInspecting] = useState(false)
  const main = useRef<HTMLElement>(null)
  useEffect(() => { main.current?.focus() }, []) // The form that had the focus is gone.
  const others = call.others.value ?? []
  const screen = call.screen.value
  const count = others.length + 1 + (screen ? 1 : 0)
  return (
    <div class={inspecting ? 'call call-inspecting' : 'call'}>
      <main class='call-main' ref={main} tabIndex={-1} aria-label={`Call in ${call.room}`}>
        <h1 class='visually-hidden'>{call.room}</h1>
        <Banner call={call} />
        <ul class='tiles' data-count={Math.min(count, 10)}>
          {others.map(attendee => (
            <Tile key={`${attendee.identity} ${attendee.kinds.join()}`} call={call} attendee={attendee} name={nameOf(attendee.identity, attendee.name)} />))}
          {screen && <OwnTile call={call} track={screen} name='Your screen' />}
          <OwnTile call={call} track={call.camera.track.value} name='You' mirrored={call.camera.on.value} />
        </ul>
        {call.others.value?.length === 0 && <p class='call-alone' role='status'>Nobody else is here yet.</p>}
      </main>
      {inspecting && <Inspector call={call} />}
      <CallBar call={call} inspecting={inspecting} onInspect={() => setInspecting(!inspecting)} onLeave={onLeave} />
    </div>
  )
}

/** What keeps the others from seeing and hearing you, or you from seeing who comes. */
function Banner ({ call }: { call: Call }) {
  const state = call.state.value
  const text = state.phase === 'waiting'
    ? `You are not seen or heard: ${state.reason}. Trying again…`
    : state.phase === 'connecting' ? (state.attempt > 1 ? 'Connecting again…' : 'Connecting…') : call.trouble.value
  return <div class='call-banner' role='status'>{text && <p class='banner banner-warn'>{text}</p>}</div>
}
