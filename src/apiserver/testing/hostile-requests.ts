/** Requests that mean harm: spoilt ones by a seeded generator, and bombs that cost a server more than their sender. */
import { gzipSync } from 'node:zlib'

export interface HostileRequest {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
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

const MAPS = '/api/v1/namespaces/default/configmaps'
const PODS = '/api/v1/namespaces/default/pods'
const SERVICES = '/api/v1/namespaces/default/services'
const type = (contentType: string) => ({ 'content-type': contentType })
const json = type('application/json')
const yaml = type('application/yaml')
const strategic = type('application/strategic-merge-patch+json')
const apply = type('application/apply-patch+yaml')
const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))
const keys = (count: number) => Object.fromEntries(many(count, (i) => [`k${i}`, 'v']))
const ports = many(20_000, (i) => ({ port: i + 1, name: `p${i}` }))

/** Each has a name; the object `a` of configmaps, pods and services is there. */
export const BOMBS: readonly (HostileRequest & { readonly name: string })[] = [
  { name: 'deep lists', method: 'POST', path: MAPS, body: '['.repeat(1_000_000), headers: json },
  {
    name: 'deep objects',
    method: 'POST',
    path: MAPS,
    body: `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`,
    headers: json,
  },
  {
    name: 'a long number',
    method: 'POST',
    path: MAPS,
    body: `{"metadata":{"generation":${'9'.repeat(1_000_000)}}}`,
    headers: json,
  },
  {
    name: 'many keys',
    method: 'POST',
    path: MAPS,
    body: { metadata: { name: 'b' }, data: keys(50_000) },
  },
  {
    name: 'many unknown keys',
    method: 'POST',
    path: `${MAPS}?fieldValidation=Strict`,
    body: { metadata: { name: 'b' }, ...keys(50_000) },
  },
  {
    name: 'many labels',
    method: 'POST',
    path: MAPS,
    body: { metadata: { name: 'b', labels: keys(50_000) } },
  },
  {
    name: 'one key, often',
    method: 'POST',
    path: MAPS,
    body: `{${'"a":1,'.repeat(300_000)}"b":1}`,
    headers: json,
  },
  {
    name: 'a text of quotes',
    method: 'POST',
    path: MAPS,
    body: JSON.stringify({ metadata: { name: '"'.repeat(1_000_000) } }),
    headers: json,
  },
  { name: 'laughing aliases', method: 'POST', path: MAPS, body: laughs(), headers: yaml },
  { name: 'deep yaml', method: 'POST', path: MAPS, body: '['.repeat(20_000), headers: yaml },
  {
    name: 'deep yaml by indentation',
    method: 'POST',
    path: MAPS,
    body: many(1_000, (i) => `${' '.repeat(i)}a:\n`).join(''),
    headers: yaml,
  },
  {
    name: 'a gzip bomb',
    method: 'POST',
    path: MAPS,
    body: gzipSync(Buffer.alloc(200_000_000)),
    headers: { ...json, 'content-encoding': 'gzip' },
  },
  {
    name: 'many containers by a strategic merge',
    method: 'PATCH',
    path: `${PODS}/a`,
    body: { spec: { containers: many(30_000, (i) => ({ name: `c${i}`, image: 'x' })) } },
    headers: strategic,
  },
  {
    name: 'an order of many',
    method: 'PATCH',
    path: `${PODS}/a`,
    body: {
      metadata: {
        '$setElementOrder/finalizers': many(50_000, (i) => `a/${i}`),
        finalizers: many(50_000, (i) => `a/${i}`),
      },
    },
    headers: strategic,
  },
  {
    name: 'many deletions',
    method: 'PATCH',
    path: `${PODS}/a`,
    body: {
      metadata: {
        '$deleteFromPrimitiveList/finalizers': many(50_000, (i) => `a/${i}`),
        finalizers: many(50_000, (i) => `b/${i}`),
      },
    },
    headers: strategic,
  },
  {
    name: 'deep patches',
    method: 'PATCH',
    path: `${MAPS}/a`,
    body: `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`,
    headers: type('application/merge-patch+json'),
  },
  {
    name: 'copies of copies',
    method: 'PATCH',
    path: `${MAPS}/a`,
    body: many(9_000, (i) => ({ op: 'copy', from: '/data', path: `/data/x${i}` })),
    headers: type('application/json-patch+json'),
  },
  {
    name: 'many insertions',
    method: 'PATCH',
    path: `${MAPS}/a`,
    body: [
      { op: 'add', path: '/metadata/finalizers', value: [] },
      ...many(9_000, (i) => ({ op: 'add', path: '/metadata/finalizers/0', value: `a/${i}` })),
    ],
    headers: type('application/json-patch+json'),
  },
  {
    name: 'many ports, applied',
    method: 'PATCH',
    path: `${SERVICES}/a?fieldManager=x&force=true`,
    body: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: { ports } },
    headers: apply,
  },
  {
    name: 'many keys, applied',
    method: 'PATCH',
    path: `${MAPS}/a?fieldManager=x&force=true`,
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: keys(50_000) },
    headers: apply,
  },
  {
    name: 'many managers',
    method: 'PUT',
    path: `${MAPS}/a`,
    body: {
      metadata: {
        name: 'a',
        managedFields: many(10_000, (i) => ({
          manager: `m${i}`,
          operation: 'Update',
          apiVersion: 'v1',
          fieldsType: 'FieldsV1',
          fieldsV1: { 'f:data': { [`f:k${i}`]: {} } },
        })),
      },
    },
  },
  {
    name: 'a long selector',
    method: 'GET',
    path: `${MAPS}?labelSelector=${encodeURIComponent(`a in (${'b,'.repeat(3_000)}c)`)}`,
  },
  {
    name: 'a selector of parentheses',
    method: 'GET',
    path: `${MAPS}?labelSelector=${'('.repeat(6_000)}`,
  },
  {
    name: 'a selector of backslashes',
    method: 'GET',
    path: `${MAPS}?fieldSelector=metadata.name=${'\\\\'.repeat(3_000)}`,
  },
  { name: 'a long continue token', method: 'GET', path: `${MAPS}?continue=${'e30'.repeat(2_000)}` },
  { name: 'a path of many parts', method: 'GET', path: `/api/v1${'/a'.repeat(3_000)}` },
  {
    name: 'a protobuf of zeros',
    method: 'POST',
    path: MAPS,
    body: Buffer.concat([Buffer.from('k8s\0'), Buffer.alloc(1_000_000)]),
    headers: type('application/vnd.kubernetes.protobuf'),
  },
  {
    name: 'a long Accept',
    method: 'GET',
    path: MAPS,
    headers: { accept: 'text/a;q=0.1,'.repeat(800) },
  },
]

/** A billion laughs: each line holds the one before nine times. */
function laughs(): string {
  const lines = many(9, (i) => `a${i + 1}: &a${i + 1} [${many(9, () => `*a${i}`).join(', ')}]`)
  return ['a0: &a0 lol', ...lines].join('\n')
}
