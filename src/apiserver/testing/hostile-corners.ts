/** Spoilt requests beside the objects of built-in kinds: custom resources, credentials, discovery, YAML, protobuf of every kind, watches, proxies. */
import { createHmac } from 'node:crypto'
import { kinds } from '#api/kinds/kinds.ts'
import { canEncode, encodeProtobuf } from '#api/protobuf/protobuf.ts'
import { apiVersionOf } from '#api/resources.ts'
import type { HostileRequest, Random } from './hostile-requests.ts'

export const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
export const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets'

/** A kind of its own, with every sort of rule that its instances may break. */
export const DEFINITION = {
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' },
        },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                required: ['size'],
                properties: {
                  size: { type: 'integer', minimum: 0, default: 1 },
                  color: { type: 'string', enum: ['red', 'blue'], pattern: '^[a-z]+$' },
                  parts: {
                    type: 'array',
                    maxItems: 9,
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['name'],
                    items: {
                      type: 'object',
                      required: ['name'],
                      properties: { name: { type: 'string' } },
                    },
                  },
                  more: { type: 'object', additionalProperties: { type: 'string' } },
                  port: { 'x-kubernetes-int-or-string': true },
                  any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                },
              },
              status: { type: 'object', properties: { size: { type: 'integer' } } },
            },
          },
        },
      },
    ],
  },
}

export const WIDGET = {
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name: 'a' },
  spec: {
    size: 1,
    color: 'red',
    parts: [{ name: 'a' }],
    more: { a: 'b' },
    port: 'http',
    any: { a: [1] },
  },
}

type Spoil = (value: unknown, random: Random) => unknown
type Maker = (random: Random, spoil: Spoil) => HostileRequest

const ACCEPTS = [
  '*/*;q=2',
  'application/json;as=Table;g=meta.k8s.io;v=v9',
  'application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  'application/vnd.kubernetes.protobuf',
  ',,;;==',
  `application/json${';a=b'.repeat(500)}`,
  '\u00ff',
  '',
]
const PLACES = [
  '/',
  '/api',
  '/apis',
  '/apis/apps',
  '/apis/apps/v1',
  '/openapi/v2',
  '/openapi/v3',
  '/openapi/v3/apis/apps/v1',
  '/version',
  '/metrics',
  '/apis/nonsense',
]
const PATTERNS = [
  '..',
  '%2e%2e',
  '%00',
  '%',
  '%zz',
  'a%2fb',
  '//',
  'http:a:80',
  'https:a:x',
  'a:-1',
  '[::1]:80',
  '@',
  '%0d%0aHost:%20x',
]
const WATCHES = [
  'resourceVersion=a',
  'resourceVersion=-1',
  'sendInitialEvents=true',
  'sendInitialEvents=x',
  'resourceVersionMatch=Sometimes',
  'labelSelector=((',
  'fieldSelector=spec.nonsense%3Da',
  'limit=x',
  'allowWatchBookmarks=maybe&resourceVersion=x',
]
const FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'spec.nodeName',
  'status.phase',
  'nonsense',
  '',
  '__proto__',
]
const OPERATORS = ['=', '==', '!=', ' in ', '', '=\\', '=,']
const YAMLS = [
  'a: *b',
  '&a [*a]',
  '!!binary x',
  '!!python/object:x {}',
  '? [a]\n: b',
  '<<: 1',
  'a: 1\na: 2',
  '\t- a',
  '%YAML 9.9\n---\na',
  'a: 0x1_0',
  '- - - -',
  '"\\uD800"',
  "'",
  '--- |\n a\n---\nb',
  '{a: [}',
  '1e999',
  '.nan',
  '2001-01-01',
]

const yaml = { 'content-type': 'application/yaml' }
const protobuf = { 'content-type': 'application/vnd.kubernetes.protobuf' }
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Tokens that nobody signed, of every wrong shape. */
function makeToken(random: Random): string {
  const head = random.pick([
    { alg: 'none' },
    { alg: 'HS256' },
    { alg: 'ES256', kid: 'x' },
    { alg: ['ES256'] },
    {},
    null,
    { alg: 'ES256', jwk: {}, crit: ['a'] },
  ])
  const claims = random.pick([
    {
      iss: 'https://kubernetes.default.svc.cluster.local',
      sub: 'system:serviceaccount:default:default',
      aud: [],
    },
    { exp: -1 },
    { exp: 'x' },
    [],
    null,
    { sub: 'a'.repeat(4_000) },
  ])
  const body = `${encoded(head)}.${encoded(claims)}`
  const signature = random.pick([
    '',
    createHmac('sha256', 'k').update(body).digest('base64url'),
    'AA'.repeat(2_000),
    '!',
    'MAYCAQACAQA',
    'A'.repeat(86),
  ])
  return random.pick([
    `${body}.${signature}`,
    `${body}`,
    `${body}.${signature}.x`,
    '..',
    '',
    'a'.repeat(9_000),
    '\u00ff\u00fe',
  ])
}

/** An object of any kind that has a message, in bytes, with some of them changed or cut off. */
function makeProtobuf(random: Random, spoil: Spoil): HostileRequest {
  const { resource } = random.pick(kinds)
  const named = { apiVersion: apiVersionOf(resource), kind: resource.kind }
  const object = { ...named, metadata: { name: 'a', labels: { a: 'b' }, finalizers: ['a/b'] } }
  const bytes = Buffer.from(
    canEncode(named) ? encodeProtobuf(object) : `k8s\0${JSON.stringify(spoil(object, random))}`,
  )
  for (let flips = Math.floor(random.next() * 6); flips > 0; flips--)
    bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256)
  const root = resource.group === '' ? '/api' : `/apis/${resource.group}`
  const namespace = resource.namespaced ? '/namespaces/default' : ''
  return {
    method: 'POST',
    path: `${root}/${resource.version}${namespace}/${resource.plural}?dryRun=All`,
    body: random.next() < 0.2 ? bytes.subarray(0, Math.floor(random.next() * bytes.length)) : bytes,
    headers: protobuf,
  }
}

const MAKERS: readonly Maker[] = [
  (random, spoil) => ({
    method: 'POST',
    path: `${WIDGETS}?fieldValidation=Strict`,
    body: JSON.stringify(spoil(WIDGET, random)) ?? 'null',
  }),
  (random, spoil) => ({
    method: 'PATCH',
    path: `${WIDGETS}/a${random.pick(['', '/status', '/scale'])}?fieldManager=x&force=${random.pick(['true', 'false', 'x'])}`,
    body: JSON.stringify(spoil(WIDGET, random)) ?? 'null',
    headers: {
      'content-type': random.pick([
        'application/apply-patch+yaml',
        'application/merge-patch+json',
        'application/strategic-merge-patch+json',
      ]),
    },
  }),
  (random, spoil) => ({
    method: 'POST',
    path: `${DEFINITIONS}?dryRun=All`,
    body: JSON.stringify(spoil(DEFINITION, random)) ?? 'null',
  }),
  (random) => ({
    method: 'GET',
    path: random.pick(PLACES),
    headers: { accept: random.pick(ACCEPTS) },
  }),
  (random) => ({ method: 'GET', path: `${WIDGETS}?x`, headers: { accept: random.pick(ACCEPTS) } }),
  (random) => ({
    method: 'GET',
    path: random.pick(PLACES),
    headers: { authorization: `Bearer ${makeToken(random)}` },
    isAnonymous: true,
  }),
  (random) => ({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    body: { spec: { token: makeToken(random) } },
  }),
  (random) => ({
    method: 'POST',
    path: '/api/v1/namespaces/default/configmaps',
    body: random.pick(YAMLS) + random.pick(['', '\n']) + random.pick(YAMLS),
    headers: yaml,
  }),
  makeProtobuf,
  (random) => ({
    method: 'GET',
    path: `/api/v1/pods?watch=1&timeoutSeconds=1&${random.pick(WATCHES)}`,
  }),
  (random) => ({
    method: 'GET',
    path: `/api/v1/pods?fieldSelector=${encodeURIComponent(random.pick(FIELDS) + random.pick(OPERATORS) + random.pick(FIELDS))}`,
  }),
  (random) => ({
    method: random.pick(['GET', 'POST', 'DELETE']),
    path: `/api/v1/${random.pick(['namespaces/default/pods', 'namespaces/default/services', 'nodes'])}/${random.pick(PATTERNS)}/proxy/${random.pick(PATTERNS)}`,
  }),
]

export const makeCorner = (random: Random, spoil: Spoil): HostileRequest =>
  random.pick(MAKERS)(random, spoil)
