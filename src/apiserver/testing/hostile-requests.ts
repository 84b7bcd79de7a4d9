/** Requests that mean harm: spoilt ones, by a seeded generator. */
import { makeCorner } from './hostile-corners.ts'

export interface HostileRequest {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** To be sent without a certificate. */
  readonly isAnonymous?: boolean
}

export const TEMPLATES: Readonly<Record<string, object>> = {
  '/api/v1/namespaces/default/pods': {
    metadata: { name: 'a', labels: { a: 'b' } },
    spec: {
      containers: [
        { name: 'c', image: 'x', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: 'b' }] },
      ],
      volumes: [{ name: 'v', emptyDir: {} }],
    },
  },
  '/api/v1/namespaces/default/services': {
    metadata: { name: 'a' },
    spec: {
      type: 'NodePort',
      selector: { a: 'b' },
      ports: [{ name: 'x', port: 80, targetPort: 'http' }],
    },
  },
  '/apis/apps/v1/namespaces/default/deployments': {
    metadata: { name: 'a' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { a: 'b' } },
      template: {
        metadata: { labels: { a: 'b' } },
        spec: { containers: [{ name: 'c', image: 'x' }] },
      },
    },
  },
  '/apis/networking.k8s.io/v1/namespaces/default/ingresses': {
    metadata: { name: 'a' },
    spec: {
      rules: [{ host: 'a.b', http: { paths: [{ path: '/', pathType: 'Prefix', backend: {} }] } }],
    },
  },
  '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices': {
    metadata: { name: 'a' },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'] }],
    ports: [{ port: 80 }],
  },
}

const JUNK = [
  null,
  1,
  -1,
  3.5,
  '',
  '\0',
  [],
  {},
  [null],
  true,
  'a'.repeat(300),
  { a: { b: null } },
  [[1]],
  99_999_999_999,
  { $patch: 'delete' },
  [{ $patch: 'replace' }],
  { '$setElementOrder/ports': [1] },
]
const KEYS = [
  'foo',
  '__proto__',
  'constructor',
  'spec',
  'status',
  'metadata',
  'kind',
  '$patch',
  '$retainKeys',
]
const TEXTS = [
  'a',
  '=',
  'a in (',
  '!',
  '-1',
  '99999999999999999999',
  '\0',
  '(((((',
  'a=b,'.repeat(2000),
  'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0',
]
const PARAMETERS = [
  'labelSelector',
  'fieldSelector',
  'continue',
  'limit',
  'resourceVersion',
  'includeObject',
  'dryRun',
]
const POINTERS = [
  '',
  '/spec',
  '/metadata/name',
  '/spec/ports/-',
  '/x/y',
  '/__proto__/x',
  '/spec/containers/5',
]
const OPERATIONS = ['add', 'remove', 'replace', 'move', 'copy', 'test', 'x']

/** A linear congruential generator: the same requests on every run. */
export function createRandom(seed: number) {
  let state = seed
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x80000000
  }
  return { next, pick: <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)]! }
}

export type Random = ReturnType<typeof createRandom>

function spoil(value: unknown, random: Random): unknown {
  if (random.next() < 0.06) return random.pick(JUNK)
  if (Array.isArray(value)) return value.map((each) => spoil(each, random))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, each]): [string, unknown] => [
    random.next() < 0.04 ? random.pick(KEYS) : key,
    spoil(each, random),
  ])
  if (random.next() < 0.05) entries.push([random.pick(KEYS), random.pick(JUNK)])
  return Object.fromEntries(entries)
}

export function makeRequest(random: Random): HostileRequest {
  if (random.next() < 0.4) return makeCorner(random, spoil)
  const path = random.pick(Object.keys(TEMPLATES))
  const body = JSON.stringify(spoil(TEMPLATES[path], random)) ?? 'null'
  const cut = random.next() < 0.05 ? body.slice(0, Math.floor(random.next() * body.length)) : body
  const type = (contentType: string) => ({ 'content-type': contentType })
  const choices = [
    () => ({ method: 'POST', path: `${path}?fieldValidation=Strict`, body: cut }),
    () => ({ method: 'POST', path, body: cut, headers: type('application/yaml') }),
    () => ({
      method: 'POST',
      path,
      body: `k8s\0${cut}`,
      headers: type('application/vnd.kubernetes.protobuf'),
    }),
    () => ({ method: 'PUT', path: `${path}/a`, body: cut }),
    () => ({
      method: 'PATCH',
      path: `${path}/a`,
      body: cut,
      headers: type('application/merge-patch+json'),
    }),
    () => ({
      method: 'PATCH',
      path: `${path}/a`,
      body: cut,
      headers: type('application/strategic-merge-patch+json'),
    }),
    () => {
      const operation = {
        op: random.pick(OPERATIONS),
        path: random.pick(POINTERS),
        from: random.pick(POINTERS),
        value: random.pick(JUNK),
      }
      return {
        method: 'PATCH',
        path: `${path}/a`,
        body: [operation],
        headers: type('application/json-patch+json'),
      }
    },
    () => ({
      method: 'GET',
      path: `${path}?${random.pick(PARAMETERS)}=${encodeURIComponent(random.pick(TEXTS))}`,
    }),
    () => ({
      method: 'DELETE',
      path: `${path}/a`,
      body: spoil({ gracePeriodSeconds: 0, preconditions: { uid: 'x' }, dryRun: ['All'] }, random),
    }),
    () => ({
      method: 'POST',
      path: `${path}/a/${random.pick(['binding', 'eviction', 'scale', 'log'])}`,
      body: cut,
    }),
  ]
  return random.pick(choices)()
}

/** What upstream answers with a 500 too: errors that its handlers do not interpret. */
const UPSTREAM_500 = [
  /^etcdserver: request is too large$/, // of what does not fit into the store

  /^resourceVersion should not be set on objects to be created$/, // storage/errors.go
  /list element types are not identical/, // strategicpatch/patch.go sliceElementType
  /does not contain declared merge key/, // mergepatch/errors.go ErrNoMergeKey
  /^error trying to reach service: /, // apimachinery util/proxy/upgradeaware.go
  /^no (endpoints available|service port \S+ found) for service /, // registry/core/service/storage/storage.go, ResourceLocation
  /unknown patch type: .* in map: /, // mergepatch/errors.go ErrBadPatchType
  /doesn't match \$setElementOrder list/, // strategicpatch/patch.go
  /^expected a .*, but received a /, // mergepatch/errors.go ErrBadArgType
  /^merging lists cannot yet be specified in the patch$/, // strategicpatch/patch.go
  /strconv.ParseUint: parsing/, // storage/api_object_versioner.go, for get, watch and update
  /^failed to create typed patch object/, // managedfields/internal/structuredmerge.go
]

/** What is wrong with an answer; undefined for nothing. */
export function faultOf(code: number, text: string): string | undefined {
  if (code < 400) return undefined
  // A Status too, in the form that was asked for.
  if (text.startsWith('k8s\0') && text.includes('Status') && text.includes('Failure'))
    return code < 500 ? undefined : 'it is an error of the server itself'
  let status: { kind?: unknown; status?: unknown; code?: unknown; message?: unknown }
  try {
    status = JSON.parse(text)
  } catch {
    return code === 404 && text === '404 page not found\n' ? undefined : 'it is no JSON'
  }
  if (status.kind !== 'Status' || status.status !== 'Failure' || status.code !== code) {
    return 'it is no Status of its code'
  }
  const message = String(status.message)
  const isKnown = code === 504 || UPSTREAM_500.some((pattern) => pattern.test(message))
  return code < 500 || isKnown ? undefined : 'it is an error of the server itself'
}
