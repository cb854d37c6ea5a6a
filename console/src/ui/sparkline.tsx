const WIDTH = 120
const HEIGHT = 28

/** The course of a value over the last minute or so, from zero up. */
export function Sparkline ({ points, label }: { points: readonly number[], label: string }) {
  if (points.length < 2) return <svg class='sparkline' viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role='img' aria-label={label} />
  const top = Math.max(...points, 1) * 1.15
  const line = points.map((value, index) => {
    const x = index / (points.length - 1) * WIDTH
    const y = HEIGHT - 1 - value / top * (HEIGHT - 2)
    return `${x.toFixed(1)},${y.toFixed(1)}`
  }).join(' ')
  return (
    <svg class='sparkline' viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio='none' role='img' aria-label={label}>
      <polygon class='sparkline-area' points={`0,${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} />
      <polyline class='sparkline-line' points={line} />
    </svg>
  )
}
