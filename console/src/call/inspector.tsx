import { bitrate } from '../lib/format.ts'
import { Sparkline } from '../ui/sparkline.tsx'
import type { Call } from './call.ts'
import { type Plot, plots, type Reading } from './link-meter.ts'
import type { Link } from './links.ts'
import { belongsTo, nameOf } from './place.ts'

const shown: { readonly [plot in Plot]: (value: number) => string } = {
  bitrate,
  lossPercent: value => `${value.toFixed(1)} %`,
  roundTripMs: value => `${Math.round(value)} ms`,
  jitterBufferMs: value => `${Math.round(value)} ms`,
  framesDropped: value => `${Math.round(value)}`
}

/** How each connection does, as curves over the last minute. */
export function Inspector ({ call }: { call: Call }) {
  void call.links.readings.value // Drawn anew with each reading.
  const titleOf = (identity: string): string => {
    const name = nameOf(identity, call.others.value?.find(other => other.identity === identity)?.name)
    return belongsTo(identity, call.identity) ? `Sending: ${name}` : `From ${name}`
  }
  return (
    <aside class='inspector' aria-labelledby='inspector-title'>
      <h2 id='inspector-title'>Connections</h2>
      {[...call.links.all].map(([identity, link]) => <LinkPanel key={identity} title={titleOf(identity)} link={link} />)}
    </aside>
  )
}

function LinkPanel ({ title, link: { meter } }: { title: string, link: Link }) {
  const { reading } = meter
  return (
    <section class='link' aria-label={title}>
      <h3>{title}</h3>
      {reading
        ? (
          <>
            <p class='muted small'>{pictureLine(reading)}</p>
            <dl class='link-plots'>
              {(Object.keys(plots) as Plot[]).map(plot => {
                const value = reading[plot]
                return value === undefined
                  ? null
                  : (
                    <div key={plot}>
                      <dt>{plots[plot]}</dt>
                      <dd class='number'>{shown[plot](value)}</dd>
                      <Sparkline points={meter.history(plot)} label={`${plots[plot]} over the last minute`} />
                    </div>)
              })}
            </dl>
          </>)
        : <p class='muted small'>measuring…</p>}
    </section>
  )
}

/** `1280 × 720 · 30 fps · layer f · held back by cpu` */
function pictureLine ({ picture, limitedBy }: Reading): string {
  if (!picture) return 'sound only'
  const { width, height, fps, layer } = picture
  return [
    `${width} × ${height}`, fps === undefined ? '' : `${Math.round(fps)} fps`, layer === undefined ? '' : `layer ${layer}`, limitedBy === undefined ? '' : `held back by ${limitedBy}`
  ].filter(Boolean).join(' · ')
}
