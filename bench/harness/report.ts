/** One line of a table: a name, and a figure (or a remark) for each column. */
export type Row = Readonly<Record<string, string | number>>

/** What was promised of a figure, and what came of it. */
export type Target = { readonly what: string, readonly goal: string, readonly measured: string, readonly met: boolean }

export type Report = { readonly title: string, readonly method: string, readonly rows: readonly Row[], readonly targets: readonly Target[] }

/** One bench: it measures, and tells. */
export type Bench = { readonly name: string, run (): Promise<Report> }

export const atMost = (what: string, value: number, limit: number, unit: string): Target =>
  ({ what, goal: `<= ${limit}${unit}`, measured: `${round(value)}${unit}`, met: value <= limit })

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits))

export function median (values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function percentile (values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * percent / 100))]!
}

/** The report as people read it. */
export function printReport ({ title, method, rows, targets }: Report): string {
  const lines = ['', title, method, '', ...table(rows)]
  if (targets.length > 0) lines.push('', ...targets.map(target => `${target.met ? 'met   ' : 'MISSED'}  ${target.what}: ${target.measured} (goal ${target.goal})`))
  return `${lines.join('\n')}\n`
}

function table (rows: readonly Row[]): string[] {
  const columns = [...new Set(rows.flatMap(row => Object.keys(row)))]
  const cells = [columns, ...rows.map(row => columns.map(column => String(row[column] ?? '')))]
  const widths = columns.map((_, index) => Math.max(...cells.map(line => line[index]!.length)))
  const numeric = columns.map((_, index) => rows.every(row => typeof row[columns[index]!] !== 'string'))
  const printed = cells.map(line => line.map((cell, index) => numeric[index] ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!)).join('  ').trimEnd())
  return [printed[0]!, widths.map(width => '-'.repeat(width)).join('  '), ...printed.slice(1)]
}
