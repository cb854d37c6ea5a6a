const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text as it may stand in HTML and SVG, between tags and in quoted attributes. */
export const html = (text: unknown): string => String(text).replaceAll(/[&<>"']/g, char => escapes[char]!)
