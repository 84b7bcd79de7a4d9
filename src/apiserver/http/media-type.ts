import { formNotAcceptable, notAcceptable } from '#api/status.ts'

/** How an object is to be shown. */
export type Representation = 'object' | 'Table' | 'PartialObjectMetadata'
/** What the answer holds: some forms are for lists, some for single objects; a watch may have either. */
export type Shape = 'object' | 'list' | 'watch'

export interface Negotiated {
  readonly representation: Representation
  readonly format: Format
  /** Of meta.k8s.io, whose older version differs in nothing but its name. */
  readonly metaVersion: 'v1' | 'v1beta1'
  /** The kind as it was asked for. */
  readonly as?: string
}

export type Format = 'application/json' | 'application/yaml' | 'application/vnd.kubernetes.protobuf'

const FORMATS: readonly Format[] = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
]

const STREAMS = [
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
]

/** Protobuf costs more to write than JSON: it is for those who take nothing else. */
const PREFERRED = FORMATS.slice(0, 2)

/** The best of the Accept header's types that can be served. @throws StatusError 406 */
export function negotiateObject(accept: string | undefined, shape?: Shape): Negotiated {
  const types = byPreference(accept)
  const found = firstOf(types, PREFERRED) ?? firstOf(types, FORMATS)
  if (found) return found
  const isFormOnly = types.some(({ type }) => formatOf(type, FORMATS) !== undefined)
  const streams = shape === 'watch' ? STREAMS : []
  throw isFormOnly ? formNotAcceptable(FORMATS) : notAcceptable([...FORMATS, ...streams])
}

function firstOf(types: readonly MediaType[], formats: readonly Format[]): Negotiated | undefined {
  for (const { type, parameters } of types) {
    const format = formatOf(type, formats)
    const form = format && formOf(parameters)
    if (form && !(form.representation === 'Table' && format === FORMATS[2])) {
      return { ...form, format }
    }
  }
  return undefined
}

function formOf({ as, g, v }: MediaType['parameters']): Omit<Negotiated, 'format'> | undefined {
  if (as === undefined) return { representation: 'object', metaVersion: 'v1' }
  if (g !== 'meta.k8s.io' || (v !== 'v1' && v !== 'v1beta1')) return undefined
  if (as === 'Table') return { representation: 'Table', metaVersion: v, as }
  if (as !== 'PartialObjectMetadata' && as !== 'PartialObjectMetadataList') return undefined
  return { representation: 'PartialObjectMetadata', metaVersion: v, as }
}

const formatOf = (type: string, formats: readonly Format[]): Format | undefined =>
  type === '*/*' ? formats[0] : formats.find((each) => each === type)

/** The types of an Accept header, best first: by q, then the less general (goautoneg). */
function byPreference(accept: string | undefined): MediaType[] {
  const quality = ({ parameters: { q } }: MediaType) => {
    const value = Number(q ?? 1)
    return value >= 0 ? value : 1
  }
  const generality = ({ type }: MediaType) => (type.match(/\*/g) ?? []).length
  return mediaTypes(accept || undefined).toSorted(
    (a, b) => quality(b) - quality(a) || generality(a) - generality(b),
  )
}

/** Which discovery document: aggregated (`v2`, `v2beta1`) or the plain one. */
export function negotiateDiscovery(accept: string | undefined): 'v2' | 'plain' {
  for (const { type, parameters } of mediaTypes(accept)) {
    if (!isJSON(type)) continue
    if (parameters.as === undefined) return 'plain'
    const aggregated =
      parameters.as === 'APIGroupDiscoveryList' && parameters.g === 'apidiscovery.k8s.io'
    if (aggregated && parameters.v === 'v2') return 'v2'
  }
  throw notAcceptable(['application/json'])
}

const OPENAPI_V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

/** What /openapi/v2 is answered with, as a Content-Type. @throws StatusError 406 */
export function negotiateOpenAPIv2(accept: string | undefined): string {
  for (const { type } of mediaTypes(accept)) {
    if (isJSON(type)) return 'application/json'
    // Clients ask for `v2@v1.0`, which is no media type; answers have never named it so (kube-openapi handler.go).
    if (type.replace('@', '.') === OPENAPI_V2_PROTOBUF) return OPENAPI_V2_PROTOBUF
  }
  throw notAcceptable(['application/json', OPENAPI_V2_PROTOBUF])
}

interface MediaType {
  readonly type: string
  readonly parameters: Readonly<Record<string, string>>
}

const isJSON = (type: string) =>
  type === 'application/json' || type === '*/*' || type === 'application/*'

function mediaTypes(header = 'application/json'): MediaType[] {
  return header.slice(0, 4096).split(',').map(parseMediaType)
}

export function parseMediaType(text: string): MediaType {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim())
  const parameters = rest.map((part) => {
    const at = part.indexOf('=')
    return at < 0 ? [part, ''] : [part.slice(0, at).trim(), part.slice(at + 1).trim()]
  })
  return { type: type.toLowerCase(), parameters: Object.fromEntries(parameters) }
}
