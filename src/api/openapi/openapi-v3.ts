/** OpenAPI v3 as kubectl reads it: an index, and a document for each group version, built when first asked for. */
import { createHash } from 'node:crypto'
import type { JSONObject } from '../json.ts'
import type { KindSpec } from '../kinds/kind-spec.ts'
import { type Descriptions, loadDescriptions } from '../schema/descriptions.ts'
import { schemaTypeOf } from '../schema/schema.ts'
import { type GroupVersion, planComponentSchemas } from './component-schemas.ts'
import { planCustomSchemas } from './custom-schemas.ts'
import { groupVersionPath, planPaths } from './paths.ts'
import { planRootDocument, rootPaths } from './root-documents.ts'
import { subresourceKinds } from './subresource-paths.ts'

export interface OpenAPIDocument {
  /** JSON text, ready to send. */
  readonly json: string
  /** Changes when the text does: the reply to a request that names it may be cached for ever. */
  readonly hash: string
}

interface Built extends OpenAPIDocument {
  readonly served: readonly KindSpec[]
}

/** The last document of each path, good as long as the same kinds are served there. */
const documents = new Map<string, Built>()

/** The answer of /openapi/v3: `{paths: {"api/v1": {serverRelativeURL: "/openapi/v3/api/v1?hash=…"}}}`. */
export function openAPIv3Index(kinds: readonly KindSpec[]): JSONObject {
  const descriptions = loadOnce()
  const places = new Set([...rootPaths(kinds), ...kinds.map(groupVersionPath)])
  const paths = [...places].sort().map((path) => {
    const { hash } = openAPIv3Document(path, kinds, descriptions)!
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }] as const
  })
  return { paths: Object.fromEntries(paths) }
}

/** The document of `api/v1`, `apis/apps/v1`, or of what lies above them (`apis`, `version`); undefined where nothing is served. */
export function openAPIv3Document(
  path: string,
  kinds: readonly KindSpec[],
  descriptions = loadOnce(),
): OpenAPIDocument | undefined {
  const root = planRootDocument(path, kinds)
  if (root) return describe(root.paths, root.schemas)
  const served = kinds.filter((kind) => groupVersionPath(kind) === path)
  if (served.length === 0) {
    documents.delete(path)
    return undefined
  }
  const built = documents.get(path)
  if (built && isSame(built.served, served)) return built
  const document = { ...planDocument(served, descriptions()), served }
  documents.set(path, document)
  return document
}

/** Reads the descriptions if somebody asks for them, once for several documents. */
function loadOnce(): () => Descriptions {
  let loaded: Descriptions | undefined
  return () => {
    loaded ??= loadDescriptions()
    return loaded
  }
}

const isSame = (a: readonly KindSpec[], b: readonly KindSpec[]) =>
  a.length === b.length && a.every((kind, index) => kind === b[index])

/** The types that requests for these kinds send and receive. */
export function servedTypes(served: readonly KindSpec[]): string[] {
  const types = served.flatMap(({ resource: { group, version, kind }, subresources }) => [
    // Reviews and their like have no list.
    ...[kind, `${kind}List`].map((name) => schemaTypeOf({ group, version, kind: name })?.name),
    ...subresources.map(
      (name) => subresourceKinds[name] && schemaTypeOf(subresourceKinds[name])?.name,
    ),
  ])
  const shared = [
    ...['Status', 'DeleteOptions', 'ObjectMeta', 'ListMeta'].map((name) => `meta.v1.${name}`),
    'Patch',
  ]
  return [...types.filter((name) => name !== undefined), ...shared]
}

export const groupVersionsOf = (served: readonly KindSpec[]): GroupVersion[] =>
  served.map(({ resource: { group, version } }) => ({ group, version }))

function planDocument(served: readonly KindSpec[], descriptions: Descriptions): OpenAPIDocument {
  const options = { descriptions, groupVersions: groupVersionsOf(served) }
  return describe(Object.assign({}, ...served.map(planPaths)), {
    ...planComponentSchemas(servedTypes(served), options),
    ...planCustomSchemas(served),
  })
}

function describe(paths: JSONObject, schemas: JSONObject): OpenAPIDocument {
  const json = JSON.stringify({
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.36.0' },
    paths,
    components: { schemas },
  })
  return { json, hash: createHash('sha512').update(json).digest('hex').toUpperCase() }
}
