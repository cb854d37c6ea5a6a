import { median } from './report.ts'

/** Rounds, the first of which is thrown away: caches are cold and code is not yet compiled. */
export const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3)

/**
 * Runs the contestants in turn, A B C A B C, so that whatever else this machine does meets all of them.
 * @returns for each the median of every figure over the rounds that count
 */
export async function inTurn<Figures extends Record<string, number>> (
  contestants: readonly { readonly name: string, measure (): Promise<Figures> }[], rounds = ROUNDS
): Promise<Map<string, Figures>> {
  const all = new Map<string, Figures[]>()
  for (let round = 0; round < rounds; round++) {
    for (const { name, measure } of contestants) {
      const figures = await measure()
      process.stderr.write(`  round ${round + 1} of ${rounds}, ${name}: ${JSON.stringify(figures)}\n`)
      if (round > 0 || rounds === 1) all.set(name, [...all.get(name) ?? [], figures])
    }
  }
  return new Map([...all].map(([name, list]) => [name, Object.fromEntries(Object.keys(list[0]!).map(key => [key, median(list.map(figures => figures[key]!))])) as Figures]))
}
