/** What is sent in place of a camera or microphone that is off: the connection stays as it is, and the device is let go. */
export type StandIn = { readonly track: MediaStreamTrack, close (): void }

const WIDTH = 640
const HEIGHT = 360
/** Often enough that nobody takes it for a picture that has stopped. */
const PICTURES_PER_SECOND = 4
const GROUND = '#141a24'
const INK = '#e9edf4'

/** A still card with a name. Drawn again and again: a canvas that does not change sends nothing. */
export function nameCard (name: string): StandIn {
  const canvas = document.createElement('canvas')
  canvas.width = WIDTH
  canvas.height = HEIGHT
  const context = canvas.getContext('2d')
  const draw = (): void => {
    if (!context) return
    context.fillStyle = GROUND
    context.fillRect(0, 0, WIDTH, HEIGHT)
    context.fillStyle = INK
    context.font = '600 40px system-ui, sans-serif'
    context.textAlign = 'center'
    context.textBaseline = 'middle'
    context.fillText(name, WIDTH / 2, HEIGHT / 2, WIDTH * 0.9)
  }
  draw()
  const timer = setInterval(draw, 1000 / PICTURES_PER_SECOND)
  const [track] = canvas.captureStream(PICTURES_PER_SECOND).getVideoTracks() as [MediaStreamTrack]
  return { track, close: () => { clearInterval(timer); track.stop() } }
}

/** Silence, as a track. */
export function silence (): StandIn {
  const context = new AudioContext()
  const [track] = context.createMediaStreamDestination().stream.getAudioTracks() as [MediaStreamTrack]
  return { track, close: () => { track.stop(); void context.close() } }
}
