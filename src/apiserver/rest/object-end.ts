const [QUOTE, BACKSLASH] = [0x22, 0x5c]
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d]

/** Where the JSON object ends in whose braces `from` lies: behind its last brace. @param text Valid JSON, as UTF-8 */
export function endOfObject(text: Buffer, from: number): number {
  let depth = 1
  for (let at = from; at < text.length; at++) {
    const code = text[at]
    if (code === QUOTE) at = closingQuote(text, at)
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++
    else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && --depth === 0) return at + 1
  }
  throw new RangeError('Cannot find the end of an object: the text ends before it')
}

function closingQuote(text: Buffer, open: number): number {
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === BACKSLASH) at++
    else if (text[at] === QUOTE) return at
  }
  return text.length
}
