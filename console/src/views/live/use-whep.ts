import type { RefObject } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { whepPath } from '../../api.ts'
import { api, previews } from '../../store.ts'
import { play, type WhepState } from '../../whep.ts'

export type PictureState = WhepState | { readonly phase: 'resting' }

type Props = { room: string, identity: string, kinds: readonly ('audio' | 'video')[], wanted: boolean }

/** Plays a participant on a `<video>` while it is wanted. */
export function useWhep (video: RefObject<HTMLVideoElement | null>, { room, identity, kinds, wanted }: Props): PictureState {
  const [state, setState] = useState<PictureState>({ phase: 'resting' })
  useEffect(() => {
    if (!wanted || kinds.length === 0 || !video.current) return
    const controller = new AbortController()
    const leave = (): void => controller.abort()
    addEventListener('pagehide', leave)
    const { signal } = controller
    const token = (): Promise<string> => api.viewToken(room)
    void play({ url: whepPath(room, identity), kinds, screen: video.current, token, tell: setState, signal })
    return () => {
      removeEventListener('pagehide', leave)
      leave()
      setState({ phase: 'resting' })
    }
  }, [room, identity, kinds.join(), wanted])
  const playing = state.phase === 'playing' || state.phase === 'stalled'
  useEffect(() => {
    if (!playing) return
    previews.value = [...previews.peek(), room]
    return () => { previews.value = previews.peek().toSpliced(previews.peek().indexOf(room), 1) }
  }, [room, playing])
  return state
}
