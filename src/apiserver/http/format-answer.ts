import type { JSONObject } from '#api/json.ts'
import { type Answer, JSON_TYPE, makeWhole, type WholeAnswer } from './answer.ts'
import { type Negotiated, negotiateObject } from './media-type.ts'

/** A whole answer in the format that the client asked for; handlers answer in JSON. */
export async function formatAnswer(answer: Answer, accept: string | undefined): Promise<Answer> {
  if (!('body' in answer || 'pieces' in answer) || answer.contentType !== JSON_TYPE) return answer
  const negotiated = find(accept)
  if (!negotiated) return answer
  const { format, metaVersion } = negotiated
  if (format === JSON_TYPE && metaVersion === 'v1') return answer
  const whole = makeWhole(answer)
  const named = metaVersion === 'v1' ? whole : renameMeta(whole)
  if (format === JSON_TYPE) return named
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
