import type { SessionInfo } from '../room/session.ts'

/** Mean and worst of a quality figure over the live sessions of each kind, in seconds. A label for each session would be too many. */
export function qualityByKind (sessions: readonly SessionInfo[], figure: 'jitterMs' | 'roundTripMs'): [Record<string, string>, number][] {
  const samples: [Record<string, string>, number][] = []
  for (const [kind, group] of Map.groupBy(sessions, session => session.kind)) {
    const values = group.map(({ stats }) => stats.quality?.[figure]).filter(value => value !== undefined)
    if (values.length === 0) continue
    samples.push([{ kind, statistic: 'mean' }, values.reduce((a, b) => a + b) / values.length / 1000])
    samples.push([{ kind, statistic: 'max' }, Math.max(...values) / 1000])
  }
  return samples
}
