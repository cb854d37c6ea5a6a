import { AppError } from './lib/errors.ts'

/** What wants a port, and the setting that gives it another. */
export type PortUse = { readonly what: string, readonly port: number, readonly setting: string }

/**
 * Opens a listener; if its port is taken or not allowed, says which port, who wanted it, and which setting to change.
 * @throws AppError `conflict`
 */
export async function listening<T> (uses: PortUse | readonly PortUse[], open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    const { port } = error as { port?: number }
    const all = [uses].flat()
    throw explained(all.find(use => use.port === port) ?? all[0]!, error)
  }
}

function explained ({ what, port, setting }: PortUse, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code
  const remedy = `set ${setting} to another port; 0 takes any free one.`
  if (code === 'EADDRINUSE') return new AppError('conflict', `Port ${port}, wanted for ${what}, is already in use on this machine. Stop the program that has it, or ${remedy}`, { cause: error })
  if (code === 'EACCES') return new AppError('conflict', `Port ${port}, wanted for ${what}, needs privileges this process does not have: ${remedy}`, { cause: error })
  if (code === 'EADDRNOTAVAIL') return new AppError('conflict', `The address configured for ${what} does not belong to this machine (port ${port}).`, { cause: error })
  return error
}
