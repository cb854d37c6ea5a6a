import type { QualityPoint } from '../../room/quality/series.ts'
import { type SessionQuality, sessionQuality } from '../../room/quality/session-quality.ts'
import type { SessionInfo } from '../../room/session.ts'
import { html } from '../html.ts'
import { chart, clockTime } from './chart.ts'
import { decisionsOf } from './decisions.ts'
import { reportStyle } from './style.ts'

const kindNames: Readonly<Record<string, string>> = { rtmp: 'RTMP publisher', whip: 'WebRTC publisher', whep: 'WebRTC viewer', recording: 'Recording' }

/** How one session went, as one page to read, print and pass on: no script, nothing from anywhere else. */
export function reportPage (info: SessionInfo, points: readonly QualityPoint[], now: Date): string {
  const quality = sessionQuality(info.stats)
  const title = `${kindNames[info.kind] ?? info.kind} in ${info.room}`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(title)}: session report</title><style>${reportStyle}</style></head><body>
<header><h1>${html(title)}</h1><p class="lead">${html(lead(info, now))}</p></header>
${figures(quality)}
${charts(points, quality)}
${table('What was decided', decisionsOf(info).map(({ what, decided }) => [what, decided]))}
${advice(info)}
${table('The session', facts(info))}
</body></html>`
}

function lead ({ state, reason, startedAt, endedAt }: SessionInfo, now: Date): string {
  const stayed = clockTime(((endedAt ?? now).getTime() - startedAt.getTime()) / 1000)
  const how = state === 'failed' ? 'Failed' : state === 'ended' ? 'Ended' : 'Still running'
  return `${how} after ${stayed}${reason ? `: ${reason}` : ''}`
}

function figures ({ direction, packetsLost, lossPercent, jitterMs, roundTripMs, estimatedMos, bursts, freezes }: SessionQuality): string {
  const entries: [name: string, value: string, note: string][] = [
    ['Packet loss', shown(lossPercent, percent), packetsLost === null ? '' : `${packetsLost} packets`],
    ['Loss bursts', shown(bursts?.count, String), bursts && bursts.count > 0 ? `${bursts.meanPackets.toFixed(1)} packets on average, longest ${bursts.longestPackets}` : ''],
    ['Jitter', shown(jitterMs, ms), 'at the end'],
    ['Round trip', shown(roundTripMs, ms), 'at the end'],
    ['Sound (MOS)', shown(estimatedMos, value => value.toFixed(2)), 'estimated, 1 to 4.5 (ITU-T G.107)'],
    ['Freezes', shown(freezes?.count, String), freezes ? `${seconds(freezes.totalMs)} in all, ${direction === 'in' ? 'as it came' : 'as it was sent'}` : '']
  ]
  return `<dl class="figures">${entries.map(([name, value, note]) => `<div><dt>${name}</dt><dd>${html(value)}<small>${html(note)}</small></dd></div>`).join('')}</dl>`
}

function charts (points: readonly QualityPoint[], { direction }: SessionQuality): string {
  const times = points.map(({ at }) => at)
  const line = (name: string, figure: keyof QualityPoint, colour: 1 | 2 | 3 = 1) => ({ name, colour, values: points.map(point => point[figure]) })
  const layered = points.some(({ layer }) => layer !== null)
  return `<h2>How it went</h2>${points.length === 0 ? '<p class="none">Too short to be plotted.</p>' : [
    chart({ title: 'Bitrate', times, print: bitrate, atLeast: 10_000, lines: [{ ...line(direction === 'in' ? 'received' : 'sent', 'bitrate'), area: true }, line('estimate of the path', 'estimatedBitrate', 2)] }),
    chart({ title: 'Packet loss', times, print: percent, atLeast: 2, lines: [{ ...line('Packet loss', 'lossPercent', 3), area: true }] }),
    chart({ title: 'Delay', times, print: ms, atLeast: 20, lines: [line('round trip', 'roundTripMs'), line('jitter', 'jitterMs', 2)] }),
    chart({ title: 'Picture stood still', times, print: seconds, atLeast: 1000, lines: [{ ...line('Picture stood still', 'frozenMs', 3), area: true }] }),
    ...layered ? [chart({ title: 'Quality of the picture sent', times, print: value => value === 0 ? 'lowest' : String(value), atLeast: 1, whole: true, lines: [{ ...line('Quality of the picture sent', 'layer'), steps: true }] })] : []
  ].join('')}`
}

function advice ({ stats }: SessionInfo): string {
  if (stats.advice.length === 0) return ''
  return `<h2>Advice</h2><ul class="advice">${stats.advice.map(({ message, remedy }) => `<li>${html(message)}<br><small>${html(remedy)}</small></li>`).join('')}</ul>`
}

function facts ({ id, kind, room, conferenceId, state, reason, errorCode, remoteAddress, externalId, startedAt, activeAt, endedAt, stats }: SessionInfo): [string, unknown][] {
  const { participant } = stats.detail
  return [
    ['Session', id], ['Kind', kind], ['Room', room], ['Conference', conferenceId], ['Participant', participant], ['State', state], ['Why it ended', reason], ['Error', errorCode],
    ['From', remoteAddress], ['Belongs to', externalId], ['Began', startedAt.toISOString()], ['Had media from', activeAt?.toISOString()], ['Ended', endedAt?.toISOString()],
    ['Received', `${stats.packetsIn} packets, ${stats.bytesIn} bytes`], ['Sent', `${stats.packetsOut} packets, ${stats.bytesOut} bytes`]
  ]
}

/** Rows that say nothing are left out, and a table without rows. */
function table (title: string, rows: readonly (readonly [string, unknown])[]): string {
  const said = rows.filter(([, value]) => value !== undefined && value !== null && value !== '')
  if (said.length === 0) return ''
  return `<h2>${title}</h2><table>${said.map(([name, value]) => `<tr><th scope="row">${html(name)}</th><td>${html(value)}</td></tr>`).join('')}</table>`
}

const shown = (value: number | null | undefined, print: (value: number) => string): string => value === null || value === undefined ? '–' : print(value)
const percent = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} %`
const ms = (value: number): string => `${Math.round(value)} ms`
const seconds = (value: number): string => `${(value / 1000).toFixed(1)} s`
const bitrate = (value: number): string => value >= 1_000_000 ? `${(value / 1_000_000).toFixed(1)} Mbit/s` : `${Math.round(value / 1000)} kbit/s`
