/** Text by code points, as CEL counts it. */

const hasPairs = (text: string): boolean => /[\ud800-\udbff][\udc00-\udfff]/.test(text)

export function lengthOf(text: string): number {
  if (!hasPairs(text)) return text.length
  let length = 0
  for (const _ of text) length++
  return length
}

/** The characters from `start` to `end`, without it. */
export function sliceOf(text: string, start: number, end: number): string {
  return hasPairs(text) ? Array.from(text).slice(start, end).join('') : text.slice(start, end)
}

/** The offset in UTF-16 units of a character. */
export function unitOf(text: string, at: number): number {
  return hasPairs(text) ? Array.from(text).slice(0, at).join('').length : at
}

/** The character at an offset in UTF-16 units. */
export function characterOf(text: string, unit: number): number {
  return unit <= 0 ? unit : lengthOf(text.slice(0, unit))
}

/** Go's order of strings is that of their UTF-8 bytes, and so of their code points. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)]
    if (x === y) continue
    // Units of pairs stand for characters behind all others.
    const isPair = (unit: number) => unit >= 0xd800 && unit <= 0xdfff
    return isPair(x) === isPair(y) ? x - y : isPair(x) ? 1 : -1
  }
  return a.length - b.length
}
