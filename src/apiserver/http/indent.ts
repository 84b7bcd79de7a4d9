import type { Pieces } from './answer.ts'

/** The same JSON for people, as Go's MarshalIndent() writes it with two spaces. Pieces may break anywhere. */
export function* indentJSON(pieces: Pieces): Pieces {
  const place: Place = { depth: 0, isOpen: false, isText: false, isEscaped: false }
  for (const piece of pieces) yield indentPiece(String(piece), place)
}

/** Where in the JSON a piece begins. */
interface Place {
  depth: number
  /** Behind a bracket that may close at once. */
  isOpen: boolean
  isText: boolean
  isEscaped: boolean
}

function indentPiece(piece: string, place: Place): string {
  let out = ''
  const line = () => `\n${'  '.repeat(place.depth)}`
  for (const character of piece) {
    if (place.isText) {
      out += character
      if (place.isEscaped) place.isEscaped = false
      else if (character === '\\') place.isEscaped = true
      else if (character === '"') place.isText = false
      continue
    }
    if (BLANKS.has(character)) continue
    const { isOpen } = place
    place.isOpen = false
    if (character === '}' || character === ']') {
      place.depth--
      out += isOpen ? character : line() + character
      continue
    }
    out += isOpen ? line() + character : character
    if (character === '"') place.isText = true
    else if (character === ',') out += line()
    else if (character === ':') out += ' '
    else if (character === '{' || character === '[') {
      place.depth++
      place.isOpen = true
    }
  }
  return out
}

const BLANKS = new Set([' ', '\n', '\r', '\t'])
