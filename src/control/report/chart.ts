import { html } from '../html.ts'

// Plots as SVG: no script, nothing from anywhere else, sharp on paper.

export type Line = {
  readonly name: string
  /** Of the style sheet: 1 to 3. */
  readonly colour: 1 | 2 | 3
  /** One for each instant; null where it was not measured: the line is broken there. */
  readonly values: readonly (number | null)[]
  /** Holds its value until the next instant, as a choice does; else drawn from point to point. */
  readonly steps?: boolean
  /** Filled down to the axis. */
  readonly area?: boolean
}

export type Chart = {
  readonly title: string
  /** Seconds. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  readonly print: (value: number) => string
  /** The axis reaches at least this high: noise near zero is not blown up to look like trouble. */
  readonly atLeast: number
  /** Only whole numbers mean something. */
  readonly whole?: boolean
}

const WIDTH = 720
const HEIGHT = 150
const LEFT = 64
const RIGHT = 12
const TOP = 10
const BOTTOM = 24
const GRID_LINES = 3
const TIME_LABELS = 6

/** @returns a figure, or a sentence where nothing was measured */
export function chart ({ title, times, lines, print, atLeast, whole = false }: Chart): string {
  const measured = lines.filter(({ values }) => values.some(value => value !== null))
  if (measured.length === 0 || times.length === 0) return `<figure><figcaption>${html(title)}</figcaption><p class="none">Not measured.</p></figure>`
  const highest = Math.max(...measured.flatMap(({ values }) => values.map(value => value ?? 0)))
  const { top, step } = whole ? { top: Math.max(1, highest), step: Math.max(1, Math.ceil(highest / GRID_LINES)) } : scale(Math.max(atLeast, highest))
  const end = Math.max(1, times.at(-1)!)
  const x = (seconds: number): number => round(LEFT + seconds / end * (WIDTH - LEFT - RIGHT))
  const y = (value: number): number => round(HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM))
  const grid: string[] = []
  for (let value = 0; value <= top * 1.001; value += step) {
    grid.push(`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/><text x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end">${html(print(value))}</text>`)
  }
  const labels = timeLabels(end).map(at => `<text x="${x(at)}" y="${HEIGHT - 6}" text-anchor="${at === 0 ? 'start' : 'middle'}">${clockTime(at)}</text>`)
  const legend = measured.length > 1 || measured[0]!.name !== title
    ? measured.map(({ name, colour }) => `<span class="key key-${colour}">${html(name)}</span>`).join('')
    : ''
  return `<figure><figcaption>${html(title)}${legend}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${html(title)} over time">${grid.join('')}${labels.join('')}${measured.map(line => drawn(line, times, x, y)).join('')}</svg></figure>`
}

type Scale = (value: number) => number

function drawn ({ values, colour, steps = false, area = false }: Line, times: readonly number[], x: Scale, y: Scale): string {
  const runs: (readonly [at: number, value: number])[][] = [[]]
  for (const [index, value] of values.entries()) {
    if (value === null) runs.push([])
    else runs.at(-1)!.push([times[index]!, value])
  }
  return runs.filter(run => run.length > 0).map(run => {
    const path = run.map(([at, value], index) => index === 0 ? `M${x(at)} ${y(value)}` : steps ? `H${x(at)}V${y(value)}` : `L${x(at)} ${y(value)}`).join('')
    const [first, last] = [run[0]!, run.at(-1)!]
    const fill = area && run.length > 1 ? `<path class="area-${colour}" d="${path}L${x(last[0])} ${y(0)}L${x(first[0])} ${y(0)}Z"/>` : ''
    const dot = run.length === 1 ? `<circle class="dot-${colour}" cx="${x(first[0])}" cy="${y(first[1])}" r="2.5"/>` : ''
    return `${fill}<path class="line-${colour}" d="${path}"/>${dot}`
  }).join('')
}

/** 1, 2 or 5 times a power of ten, as often as fits. */
function scale (highest: number): { top: number, step: number } {
  const rough = highest / GRID_LINES
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map(factor => factor * power).find(candidate => candidate >= rough)!
  return { top: Math.ceil(highest / step - 0.001) * step, step }
}

const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400]

function timeLabels (end: number): number[] {
  const step = timeSteps.find(candidate => end / candidate <= TIME_LABELS) ?? end / TIME_LABELS
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step)
}

/** `0:05`, `12:30`, `1:00:00`. */
export function clockTime (seconds: number): string {
  const whole = Math.round(seconds)
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const two = (value: number): string => String(value).padStart(2, '0')
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}

const round = (value: number): number => Math.round(value * 10) / 10
