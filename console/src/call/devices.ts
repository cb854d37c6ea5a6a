export type Kind = 'audio' | 'video'
export type Wanted = { readonly kind: Kind, readonly deviceId?: string | undefined }

const video: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } }
const names = { audio: 'microphone', video: 'camera' } as const

/** Why there is no camera or microphone, and what to do about it. */
export class NoDevice extends Error {
  readonly remedy: string

  constructor (problem: string, remedy: string) {
    super(problem)
    this.name = 'NoDevice'
    this.remedy = remedy
  }
}

/** @throws NoDevice */
export async function openDevice ({ kind, deviceId }: Wanted): Promise<MediaStreamTrack> {
  const devices = navigator.mediaDevices as MediaDevices | undefined // Not there on insecure origins.
  if (!devices) throw insecure()
  const wanted: MediaTrackConstraints = { ...(kind === 'video' ? video : {}), ...(deviceId === undefined ? {} : { deviceId: { exact: deviceId } }) }
  try {
    const stream = await devices.getUserMedia({ [kind]: wanted })
    const track = stream.getTracks()[0]
    if (!track) throw new DOMException('no track', 'NotFoundError')
    return track
  } catch (error) {
    throw whyNot(kind, error instanceof Error ? error.name : '')
  }
}

/** @throws NoDevice; undefined when the person thought better of it */
export async function openScreen (): Promise<MediaStreamTrack | undefined> {
  const devices = navigator.mediaDevices as MediaDevices | undefined
  if (!devices) throw insecure()
  if (!('getDisplayMedia' in devices)) throw new NoDevice('This browser cannot share a screen.', 'A browser on a desktop computer can.')
  try {
    const stream = await devices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: false })
    const track = stream.getVideoTracks()[0]
    if (track) track.contentHint = 'detail'
    return track
  } catch (error) {
    if (error instanceof Error && error.name === 'NotAllowedError') return undefined
    throw new NoDevice('The screen could not be shared.', 'Try a single window or tab instead.')
  }
}

/** What there is to choose from; names are known only once a device was opened. */
export async function devicesOf (kind: Kind): Promise<readonly MediaDeviceInfo[]> {
  const devices = navigator.mediaDevices as MediaDevices | undefined
  const all = await devices?.enumerateDevices().catch(() => []) ?? []
  return all.filter(device => device.kind === `${kind}input` && device.deviceId !== '')
}

const insecure = (): NoDevice => new NoDevice(
  'Browsers lend camera and microphone only to pages from https:// or localhost.',
  'Open this page by https, or on the machine of the service by http://localhost. You can still watch and listen.')

/** @param error the name of what getUserMedia threw (W3C Media Capture and Streams, section 10.2.6) */
export function whyNot (kind: Kind, error: string): NoDevice {
  const name = names[kind]
  switch (error) {
    case 'NotAllowedError':
    case 'SecurityError':
      return new NoDevice(`The browser does not let this page use the ${name}.`, 'Allow it by the icon beside the address, and try again.')
    case 'NotFoundError':
      return new NoDevice(`There is no ${name}.`, `Connect one and try again, or join without a ${name}.`)
    case 'NotReadableError':
    case 'AbortError':
      return new NoDevice(`The ${name} is there, but cannot be used.`, 'Another program may be using it: close that and try again.')
    case 'OverconstrainedError':
      return new NoDevice(`That ${name} is gone.`, 'Choose another one.')
    default:
      return new NoDevice(`The ${name} could not be opened.`, `Try again, or join without a ${name}.`)
  }
}
