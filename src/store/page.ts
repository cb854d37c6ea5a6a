/** A place in a list, newest first: entries older than the one named by `after`. Ids sort by time of birth. */
export type Page = { readonly limit: number, readonly after?: string | undefined }
