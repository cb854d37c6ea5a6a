/**
 * The first key that stands twice in the outermost object of a JSON text, if any does. JSON.parse takes the last of them and
 * other readers the first: a token they read differently is nobody's friend (RFC 8725 section 2.6). The text must be valid JSON.
 */
export function duplicateKey (json: string): string | undefined {
  const keys = new Set<string>()
  let depth = 0
  for (let at = 0; at < json.length; at++) {
    const char = json[at]
    if (char === '{' || char === '[') depth++
    else if (char === '}' || char === ']') depth--
    else if (char === '"') {
      const end = endOfString(json, at)
      if (depth === 1 && json.slice(end).trimStart().startsWith(':')) {
        const key = JSON.parse(json.slice(at, end)) as string // Decoded: “\u0061ud” is “aud” too.
        if (keys.has(key)) return key
        keys.add(key)
      }
      at = end - 1
    }
  }
  return undefined
}

/** The offset after the closing quote. */
function endOfString (json: string, start: number): number {
  let at = start + 1
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at + 1
}
