import { useEffect, useState } from 'preact/hooks'
import { messageOf } from '../lib/errors.ts'
import { say } from '../notices.ts'
import { Button } from '../ui/button.tsx'
import type { Call } from './call.ts'
import { devicesOf, NoDevice } from './devices.ts'
import type { Source } from './source.ts'

type Props = { call: Call, inspecting: boolean, onInspect: () => void, onLeave: () => void }

export function CallBar ({ call, inspecting, onInspect, onLeave }: Props) {
  const [choosing, setChoosing] = useState(false)
  const sharing = call.screen.value !== undefined
  return (
    <footer class='call-bar'>
      {choosing && <Devices call={call} />}
      <div class='call-buttons' role='group' aria-label='Call'>
        <Toggle source={call.microphone} icons={['microphone', 'microphoneOff']} labels={['Mute the microphone', 'Unmute the microphone']} />
        <Toggle source={call.camera} icons={['camera', 'cameraOff']} labels={['Turn the camera off', 'Turn the camera on']} />
        <Button
          icon='screen' label={sharing ? 'Stop sharing the screen' : 'Share a screen'} aria-pressed={sharing}
          onClick={() => sharing ? call.stopScreen() : attempt(call.shareScreen())}
        />
        <Button icon='settings' label='Choose devices' aria-expanded={choosing} onClick={() => setChoosing(!choosing)} />
        <Button icon='events' label='Inspect the connections' aria-expanded={inspecting} onClick={onInspect} />
        <Button kind='danger' icon='leave' onClick={onLeave}>Leave</Button>
      </div>
    </footer>
  )
}

type Icon = 'microphone' | 'microphoneOff' | 'camera' | 'cameraOff'

function Toggle ({ source, icons, labels }: { source: Source, icons: readonly [Icon, Icon], labels: readonly [string, string] }) {
  const on = source.on.value
  const turn = on ? 1 : 0
  return (
    <Button
      icon={icons[on ? 0 : 1]} label={labels[1 - turn]!} kind={on ? 'plain' : 'danger'}
      onClick={() => on ? source.turnOff() : attempt(source.turnOn())}
    />
  )
}

function Devices ({ call: { microphone, camera } }: { call: Call }) {
  return (
    <div class='call-devices'>
      <Choice source={microphone} name='Microphone' />
      <Choice source={camera} name='Camera' />
    </div>
  )
}

function Choice ({ source, name }: { source: Source, name: string }) {
  const [list, setList] = useState<readonly MediaDeviceInfo[]>([])
  useEffect(() => { void devicesOf(source.kind).then(setList) }, [source.on.value])
  return (
    <label class='choice'>{name}{' '}
      <select class='select' value={source.deviceId.value ?? ''} disabled={list.length === 0} onChange={event => attempt(source.choose(event.currentTarget.value))}>
        {list.length === 0 && <option value=''>none that this page knows of</option>}
        {list.map(({ deviceId, label }, index) => <option key={deviceId} value={deviceId}>{label || `${name} ${index + 1}`}</option>)}
      </select>
    </label>
  )
}

/** Says what went wrong, if anything does. */
function attempt (work: Promise<void>): void {
  work.catch(error => say(error instanceof NoDevice ? `${error.message} ${error.remedy}` : messageOf(error), 'bad'))
}
