import type { Recording } from '../../api-types.ts'
import { plural, span } from '../../lib/format.ts'
import { Badge } from '../../ui/badge.tsx'

/** One badge: whether the file can be trusted, and why not if it cannot. */
export function Verdict ({ recording: { state, partial, gaps, reason } }: { recording: Recording }) {
  switch (state) {
    case 'starting': return <Badge tone='live'>Starting</Badge>
    case 'active': return <Badge tone='live'>Recording</Badge>
    case 'stopping': return <Badge tone='live'>Finishing</Badge>
    case 'failed': return <Badge tone='bad' title={reason}>Failed{reason && <span class='badge-why'>{reason}</span>}</Badge>
    case 'completed': return partial
      ? <Badge tone='warn' title={reason}>Partial<span class='badge-why'>{lost(gaps)}</span></Badge>
      : <Badge tone='good'>Complete</Badge>
  }
}

function lost (gaps: Recording['gaps']): string {
  if (gaps.length === 0) return 'ended early'
  const seconds = gaps.reduce((sum, gap) => sum + gap.toMs - gap.fromMs, 0) / 1000
  return `${plural(gaps.length, 'gap')}, ${span(seconds)}`
}
