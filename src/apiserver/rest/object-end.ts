const [QUOTE, BACKSLASH] = [0x22, 0x5c]
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d]

/** Where the JSON object ends in whose braces `from` lies: behind its last brace. @param text Valid JSON */
export function endOfObject(text: string, from: number): number {
  let depth = 1
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = closingQuote(text, at)
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++
    else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && --depth === 0) return at + 1
  }
  throw new RangeError('Cannot find the end of an object: the text ends before it')
}

function closingQuote(text: string, open: number): number {
  for (let at = open; ; ) {
    at = text.indexOf('"', at + 1)
    if (at < 0) return text.length
    let before = at - 1
    while (text.charCodeAt(before) === BACKSLASH) before--
    // Escaped by an odd number of backslashes.
    if ((at - before) % 2 === 1) return at
  }
}
