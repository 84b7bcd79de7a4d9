/**
 * OpenAPI v2, as one document of all kinds. kubectl still reads it for `kind: List`, which no document of version 3
 * holds (kubectl pkg/cmd/util, validation), and older clients read nothing else.
 */
import { createHash } from 'node:crypto'
import type { JSONObject } from '../json.ts'
import type { KindSpec } from '../kinds/kind-spec.ts'
import { loadDescriptions } from '../schema/descriptions.ts'
import { planComponentSchemas } from './component-schemas.ts'
import { planCustomSchemas, withoutV3 } from './custom-schemas.ts'
import { toDefinitions, toPathsV2 } from './downgrade.ts'
import { encodeOpenAPIv2 } from './encode-openapi-v2.ts'
import { groupVersionsOf, servedTypes } from './openapi-v3.ts'
import { planPaths } from './paths.ts'

export interface OpenAPIv2Text {
  readonly body: string | Uint8Array
  /** Changes when the document does. */
  readonly hash: string
}

export type OpenAPIv2Format = 'json' | 'protobuf'

const built = new Map<OpenAPIv2Format, OpenAPIv2Text & { readonly kinds: readonly KindSpec[] }>()

/** The document in one of its two formats, built when first asked for after the kinds have changed. */
export function openAPIv2(format: OpenAPIv2Format, kinds: readonly KindSpec[]): OpenAPIv2Text {
  const known = built.get(format)
  if (known?.kinds === kinds) return known
  const document = planOpenAPIv2(kinds)
  const body = format === 'json' ? JSON.stringify(document) : encodeOpenAPIv2(document)
  const hash = createHash('sha512').update(body).digest('hex').toUpperCase()
  const text = { body, hash, kinds }
  built.set(format, text)
  return text
}

export function planOpenAPIv2(kinds: readonly KindSpec[]): JSONObject {
  const options = { descriptions: loadDescriptions(), groupVersions: groupVersionsOf(kinds) }
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1.36.0' },
    paths: toPathsV2(Object.assign({}, ...kinds.map(planPaths))),
    definitions: toDefinitions({
      ...planComponentSchemas(servedTypes(kinds), options),
      ...mapCustom(planCustomSchemas(kinds)),
    }),
  }
}

const mapCustom = (schemas: JSONObject): JSONObject =>
  Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutV3(schema)]))
