/** The JWT library, loaded with the first token: most services never see one before they are long ready. */
export const jose = (): Promise<typeof import('jose')> => import('jose')
