type Page<T> = { readonly items: readonly T[], readonly next: string | null }

/**
 * The last page of a list that can only be asked for what comes after a sequence number: leaps ahead, twice as far each
 * time, and half as far back whenever it leapt beyond the end.
 * @param pageSize how many items `ask` returns at most
 */
export async function newestPage<T> (ask: (after: number) => Promise<Page<T>>, pageSize: number): Promise<readonly T[]> {
  let after = 0
  let step = pageSize
  let overshot = false
  let best = await ask(after)
  while (best.next !== null) {
    const ahead = await ask(after + step)
    if (ahead.items.length > 0) {
      after += step
      best = ahead
    } else {
      overshot = true
    }
    step = overshot ? Math.max(pageSize, Math.floor(step / 2)) : step * 2
  }
  return best.items
}
