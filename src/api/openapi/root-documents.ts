/**
 * OpenAPI of what lies above the group versions: which groups and versions there are, the server's version, and who issues
 * tokens. Source: api/openapi-spec/swagger.json, whose names and structure these are; official.test.ts compares.
 */
import type { JSONObject } from '../json.ts'
import type { KindSpec } from '../kinds/kind-spec.ts'

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1'
const INFO = 'io.k8s.apimachinery.pkg.version.Info'
const MEDIA_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']

export interface RootDocument {
  readonly paths: JSONObject
  readonly schemas: JSONObject
}

const text: JSONObject = { type: 'string', default: '' }
const optional: JSONObject = { type: 'string' }
const ref = (name: string): JSONObject => ({ $ref: `#/components/schemas/${META}.${name}` })
const listOf = (items: JSONObject): JSONObject => ({
  type: 'array',
  items,
  'x-kubernetes-list-type': 'atomic',
})
const one = (name: string): JSONObject => ({ default: {}, allOf: [ref(name)] })

function kindSchema(kind: string, required: string[], properties: JSONObject): JSONObject {
  return {
    type: 'object',
    required,
    properties: { kind: optional, apiVersion: optional, ...properties },
    'x-kubernetes-group-version-kind': [{ group: '', version: 'v1', kind }],
  }
}

const address: JSONObject = {
  type: 'object',
  required: ['clientCIDR', 'serverAddress'],
  properties: { clientCIDR: text, serverAddress: text },
}
const groupVersion: JSONObject = {
  type: 'object',
  required: ['groupVersion', 'version'],
  properties: { groupVersion: text, version: text },
}
const group = kindSchema('APIGroup', ['name', 'versions'], {
  name: text,
  versions: listOf(one('GroupVersionForDiscovery')),
  preferredVersion: one('GroupVersionForDiscovery'),
  serverAddressByClientCIDRs: listOf(one('ServerAddressByClientCIDR')),
})
const versions = kindSchema('APIVersions', ['versions', 'serverAddressByClientCIDRs'], {
  versions: listOf(text),
  serverAddressByClientCIDRs: listOf(one('ServerAddressByClientCIDR')),
})
const groups = kindSchema('APIGroupList', ['groups'], { groups: listOf(one('APIGroup')) })

const INFO_REQUIRED = [
  'major',
  'minor',
  'gitVersion',
  'gitCommit',
  'gitTreeState',
  'buildDate',
  'goVersion',
  'compiler',
  'platform',
]
const INFO_OPTIONAL = [
  'emulationMajor',
  'emulationMinor',
  'minCompatibilityMajor',
  'minCompatibilityMinor',
]
const info: JSONObject = {
  type: 'object',
  required: INFO_REQUIRED,
  properties: Object.fromEntries([
    ...INFO_REQUIRED.map((name) => [name, text] as const),
    ...INFO_OPTIONAL.map((name) => [name, optional] as const),
  ]),
}

const named = (schemas: JSONObject): JSONObject =>
  Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [`${META}.${name}`, schema]))
const ofGroup = {
  APIGroup: group,
  GroupVersionForDiscovery: groupVersion,
  ServerAddressByClientCIDR: address,
}

/** A GET and what it answers. */
function get(
  path: string,
  tag: string,
  operationId: string,
  description: string,
  schema: JSONObject,
  mediaTypes: readonly string[] = MEDIA_TYPES,
): JSONObject {
  const content = Object.fromEntries(mediaTypes.map((type) => [type, { schema }]))
  const responses = {
    '200': { description: 'OK', content },
    '401': { description: 'Unauthorized' },
  }
  return { [path]: { get: { tags: [tag], description, operationId, responses } } }
}

/** By their place below /openapi/v3. */
const FIXED: Readonly<Record<string, () => RootDocument>> = {
  '.well-known/openid-configuration': () => ({
    paths: get(
      '/.well-known/openid-configuration/',
      'WellKnown',
      'getServiceAccountIssuerOpenIDConfiguration',
      'Who issues the tokens of service accounts.',
      optional,
      ['application/json'],
    ),
    schemas: {},
  }),
  api: () => ({
    paths: get(
      '/api/',
      'core',
      'getCoreAPIVersions',
      'Versions of the core group.',
      ref('APIVersions'),
    ),
    schemas: named({ APIVersions: versions, ServerAddressByClientCIDR: address }),
  }),
  apis: () => ({
    paths: get('/apis/', 'apis', 'getAPIVersions', 'The groups there are.', ref('APIGroupList')),
    schemas: named({ APIGroupList: groups, ...ofGroup }),
  }),
  'openid/v1/jwks': () => ({
    paths: get(
      '/openid/v1/jwks/',
      'openid',
      'getServiceAccountIssuerOpenIDKeyset',
      'The keys that check the tokens of service accounts.',
      optional,
      ['application/jwk-set+json'],
    ),
    schemas: {},
  }),
  version: () => ({
    paths: get(
      '/version/',
      'version',
      'getCodeVersion',
      'The version of this server.',
      { $ref: `#/components/schemas/${INFO}` },
      ['application/json'],
    ),
    schemas: { [INFO]: info },
  }),
}

/** `apis/apps` and its like; upstream has none for groups that custom resources define. */
const groupPathsOf = (kinds: readonly KindSpec[]): string[] =>
  kinds.flatMap(({ resource }) =>
    resource.group === '' || resource.custom ? [] : [`apis/${resource.group}`],
  )

export const rootPaths = (kinds: readonly KindSpec[]): readonly string[] => [
  ...new Set([...Object.keys(FIXED), ...groupPathsOf(kinds)]),
]

export function planRootDocument(
  path: string,
  kinds: readonly KindSpec[],
): RootDocument | undefined {
  if (Object.hasOwn(FIXED, path)) return FIXED[path]!()
  if (!groupPathsOf(kinds).includes(path)) return undefined
  const words = path
    .slice('apis/'.length)
    .replace(/\.k8s\.io$/, '')
    .split('.')
  const name = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
  const tag = name[0]!.toLowerCase() + name.slice(1)
  return {
    paths: get(
      `/${path}/`,
      tag,
      `get${name}APIGroup`,
      'The versions of the group.',
      ref('APIGroup'),
    ),
    schemas: named(ofGroup),
  }
}
