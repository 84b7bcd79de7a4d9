/** Requests that cost a server more than their sender, were it not careful. */
import { gzipSync } from 'node:zlib'
import type { HostileRequest } from './hostile-requests.ts'

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
  { name: 'much yaml', method: 'POST', path: MAPS, body: yamlOfKeys(20_000), headers: yaml },
  {
    name: 'much yaml, applied',
    method: 'PATCH',
    path: `${MAPS}/a?fieldManager=x&force=true`,
    body: yamlOfKeys(20_000),
    headers: apply,
  },
  {
    name: 'much yaml of brackets',
    method: 'POST',
    path: MAPS,
    body: `a: [${'[],'.repeat(50_000)}]`,
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
    name: 'many items to delete',
    method: 'PATCH',
    path: `${PODS}/a`,
    body: { spec: { containers: many(50_000, (i) => ({ $patch: 'delete', name: `c${i}` })) } },
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

/** As `kubectl` sends a file: some 300 kB. */
function yamlOfKeys(count: number): string {
  const head = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n'
  return head + many(count, (i) => `  k${i}: "v"\n`).join('')
}

/** A billion laughs: each line holds the one before nine times. */
function laughs(): string {
  const lines = many(9, (i) => `a${i + 1}: &a${i + 1} [${many(9, () => `*a${i}`).join(', ')}]`)
  return ['a0: &a0 lol', ...lines].join('\n')
}
