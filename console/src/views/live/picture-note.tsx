import { span } from '../../lib/format.ts'
import type { PictureState } from './use-whep.ts'

/** What is between the viewer and the picture, in words. */
export function PictureNote ({ state, hasMedia }: { state: PictureState, hasMedia: boolean }) {
  if (!hasMedia) return <p class='stage-cover'>Waiting for media</p>
  switch (state.phase) {
    case 'playing':
      return (
        <p class='stage-chip' title='From the service’s answer to the first frame on this screen'>
          <span class='dot dot-live' />Live<span class='stage-first'>first frame {Math.round(state.firstFrameMs)} ms</span>
        </p>
      )
    case 'stalled':
      return <p class='stage-chip stage-chip-warn' role='status'>No new picture for {span(state.forMs / 1000)}</p>
    case 'connecting':
      return (
        <p class='stage-cover'>
          <span class='spinner' />{state.attempt > 1 ? `Connecting again (try ${state.attempt})` : 'Connecting'}
        </p>
      )
    case 'waiting':
      return (
        <p class='stage-cover' role='status'>
          <strong>{state.reason}</strong><span>Trying again in {span(state.retryMs / 1000)}</span>
        </p>
      )
    case 'resting':
      return null
  }
}
