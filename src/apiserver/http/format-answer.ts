import type { JSONObject } from '#api/json.ts'
import {
  type Answer,
  JSON_TYPE,
  makeWhole,
  type Pieces,
  type PiecewiseAnswer,
  type WholeAnswer,
} from './answer.ts'
import { indentJSON } from './indent.ts'
import { type Negotiated, negotiateObject } from './media-type.ts'

/** What of a request says how its answer is to look. */
export interface Asked {
  readonly url?: string | undefined
  readonly headers: {
    readonly accept?: string | undefined
    readonly 'user-agent'?: string | undefined
  }
}

/** A whole answer in the format that the client asked for; handlers answer in JSON. */
export async function formatAnswer(answer: Answer, asked: Asked): Promise<Answer> {
  if (!('body' in answer || 'pieces' in answer) || answer.contentType !== JSON_TYPE) return answer
  const negotiated = find(asked.headers.accept)
  if (!negotiated) return layOut(answer, asked)
  const { format, metaVersion } = negotiated
  if (format === JSON_TYPE && metaVersion === 'v1') return layOut(answer, asked)
  const whole = makeWhole(answer)
  const named = metaVersion === 'v1' ? whole : renameMeta(whole)
  if (format === JSON_TYPE) return layOut(named, asked)
  const value = JSON.parse(String(named.body)) as JSONObject // a handler wrote it
  if (format === 'application/yaml') {
    const { stringify } = await import('yaml')
    const body = stringify(value, {
      sortMapEntries: true,
      aliasDuplicateObjects: false,
      indentSeq: false,
      lineWidth: 80,
      version: '1.1',
    })
    // Plain in Go's YAML.
    return { ...named, contentType: format, body: body.replaceAll(/^( *)"\.": /gm, '$1.: ') }
  }
  return toProtobuf(named, value)
}

/** Indented for people, else a line; documents that are no API objects stay as they are. */
function layOut(answer: WholeAnswer | PiecewiseAnswer, asked: Asked): Answer {
  if (answer.code < 400 && !asked.url?.startsWith('/api')) return answer
  const isIndented = isForPeople(asked)
  if ('pieces' in answer) {
    return { ...answer, pieces: isIndented ? indentJSON(answer.pieces) : ended(answer.pieces) }
  }
  const body = String(answer.body)
  return { ...answer, body: isIndented ? joined(indentJSON([body])) : `${body}\n` }
}

const joined = (pieces: Pieces) => Array.from(pieces, String).join('')

function* ended(pieces: Pieces): Pieces {
  yield* pieces
  yield '\n'
}

/** apiserver endpoints/handlers/negotiation/negotiate.go, isPrettyPrint(); strconv.ParseBool. */
function isForPeople({ url = '', headers }: Asked): boolean {
  const query = url.includes('pretty') ? url.slice(url.indexOf('?') + 1) : ''
  const said = new URLSearchParams(query).get('pretty')
  if (said) return /^(1|t|T|TRUE|true|True)$/.test(said)
  return (
    /^(curl|Wget|Mozilla\/5\.0)/.test(headers['user-agent'] ?? '') ||
    /;\s*pretty=1(?![^,;])/.test(headers.accept ?? '')
  )
}

function find(accept: string | undefined): Negotiated | undefined {
  // Nearly all requests: worth no parsing.
  if (accept === undefined || accept === JSON_TYPE || accept === '*/*') return undefined
  try {
    return negotiateObject(accept)
  } catch {
    return undefined // the refusal itself is in JSON
  }
}

async function toProtobuf(answer: WholeAnswer, value: JSONObject): Promise<Answer> {
  const { canEncode, encodeProtobuf } = await import('#api/protobuf/protobuf.ts')
  if (!canEncode(value)) return answer // a kind of the cluster's own has no such form
  const contentType = 'application/vnd.kubernetes.protobuf'
  return { ...answer, contentType, body: encodeProtobuf(value) }
}

/** Quotes within JSON strings are escaped: this finds only what the server wrote. */
function renameMeta(answer: WholeAnswer): WholeAnswer {
  const body = String(answer.body).replaceAll(
    /("kind":"(?:Table|PartialObjectMetadata(?:List)?)","apiVersion":"meta\.k8s\.io\/v1)"/g,
    '$1beta1"',
  )
  return { ...answer, body }
}
