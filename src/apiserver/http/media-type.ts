import { notAcceptable } from '#api/status.ts'

/** How an object is to be shown. Bytes are JSON in every case. */
export type Representation = 'object' | 'Table' | 'PartialObjectMetadata'

/** The first of the Accept header's types that can be served. @throws StatusError 406 */
export function negotiateObject(accept: string | undefined): Representation {
  for (const { type, parameters } of mediaTypes(accept)) {
    if (!isJSON(type)) continue
    const as = parameters.as
    if (as === undefined) return 'object'
    if (parameters.g !== 'meta.k8s.io' || !/^v1(beta1)?$/.test(parameters.v ?? '')) continue
    if (as === 'Table') return 'Table'
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
      return 'PartialObjectMetadata'
    }
  }
  throw notAcceptable(['application/json'])
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
