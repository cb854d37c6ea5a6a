import { useState } from 'preact/hooks'
import { whepPath } from '../../api.ts'
import { doorOf, ffmpegLine, ffmpegSources, type FfmpegSource, gstreamerLine, obsSettings } from '../../encoder-settings.ts'
import type { Door } from '../../encoder-settings.ts'
import { chosen, paths } from '../../store.ts'
import { CopyField } from '../../ui/copy.tsx'
import { Tabs } from '../../ui/tabs.tsx'
import { CommandLine } from './command-line.tsx'
import { DoorBar } from './door-bar.tsx'

/** What to type into the encoder, for the chosen key. */
export function EncoderSettings () {
  const ingress = chosen.value
  if (!ingress) return <div class='settings settings-none muted'>Choose a key, or make one, to see the settings for your encoder.</div>
  const door = doorOf(ingress.url, ingress.streamKey)
  return (
    <div class='settings'>
      <DoorBar ingress={ingress} />
      <Tabs
        label='Encoder'
        tabs={[
          { id: 'obs', name: 'OBS', show: () => <Obs door={door} /> },
          { id: 'ffmpeg', name: 'ffmpeg', show: () => <Ffmpeg door={door} /> },
          { id: 'gstreamer', name: 'GStreamer', show: () => <Gstreamer door={door} /> },
          { id: 'web', name: paths.value.includes('/whip/{room}') ? 'WHIP, WHEP' : 'WHEP', show: () => <Web room={ingress.room} /> }
        ]}
      />
    </div>
  )
}

function Obs ({ door }: { door: Door }) {
  return (
    <>
      <p class='muted'>Settings › Stream: choose the service <strong>Custom…</strong></p>
      <CopyField name='Server' value={door.server} />
      <CopyField name='Stream key' value={door.key} secret />
      <p class='muted'>Settings › Output › Streaming:</p>
      <table class='obs'>
        <thead class='visually-hidden'><tr><th>Setting</th><th>Value</th><th>Why</th></tr></thead>
        <tbody>
          {obsSettings.map(([name, value, why]) => <tr key={name}><th scope='row'>{name}</th><td>{value}</td><td class='muted'>{why}</td></tr>)}
        </tbody>
      </table>
    </>
  )
}

function Ffmpeg ({ door }: { door: Door }) {
  const [source, setSource] = useState<FfmpegSource>('test')
  return (
    <>
      <label class='choice'>Send{' '}
        <select class='select' value={source} onChange={event => setSource(event.currentTarget.value as FfmpegSource)}>
          {Object.entries(ffmpegSources).map(([id, { name }]) => <option key={id} value={id}>{name}</option>)}
        </select>
      </label>
      <CommandLine what='ffmpeg command' line={ffmpegLine(door, source)} secret={door.key} />
    </>
  )
}

const Gstreamer = ({ door }: { door: Door }) => (
  <CommandLine
    what='GStreamer command' line={gstreamerLine(door)} secret={door.key}
    note='Sends a bouncing ball and a tick each second. Needs the good, bad and ugly plugins and gstreamer1.0-libav.'
  />
)

function Web ({ room }: { room: string }) {
  const whip = paths.value.includes('/whip/{room}')
  const body = JSON.stringify({ scopes: whip ? ['publish', 'view'] : ['view'], room })
  return (
    <>
      {whip && <CopyField name='WHIP: send from OBS 30 or a browser' value={`${location.origin}/whip/${encodeURIComponent(room)}`} />}
      <CopyField name='WHEP: watch from a player' value={location.origin + whepPath(room)} />
      <p class='muted'>It wants a bearer token: <code>POST /api/v1/tokens</code> with <code>{body}</code>.</p>
    </>
  )
}
