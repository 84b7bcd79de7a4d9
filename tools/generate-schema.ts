/**
 * Writes src/api/schema/fields.txt, the table from which field checks, patches, OpenAPI and the protobuf codec follow.
 *
 * Usage: bin/fairlead-node tools/generate-schema.ts DIR, where DIR holds `kubernetes-openapi-v2.json` (the API
 * description that upstream publishes) and `kubernetes-proto-fields.json` (message → field → number and type).
 * Those of apiextensions.k8s.io stand in tools/apiextensions-proto-fields.txt.
 * To serve more kinds, add them to `roots`; everything that they reach follows.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

interface Property {
  readonly $ref?: string
  readonly type?: string
  readonly format?: string
  readonly items?: Property
  readonly additionalProperties?: Property
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: string
  readonly 'x-kubernetes-patch-strategy'?: string
  readonly 'x-kubernetes-patch-merge-key'?: string
}

interface Definition extends Property {
  readonly properties?: Readonly<Record<string, Property>>
  readonly required?: readonly string[]
  readonly 'x-kubernetes-unions'?: readonly {
    readonly discriminator?: string
    readonly 'fields-to-discriminateBy': Readonly<Record<string, string>>
  }[]
  readonly 'x-kubernetes-group-version-kind'?: readonly {
    readonly group: string
    readonly version: string
    readonly kind: string
  }[]
}

interface ProtoField {
  readonly number: number
  readonly type: string
  readonly repeated?: boolean
}

const roots: readonly string[] = [
  'apiextensions.v1.CustomResourceDefinition',
  'apps.v1.ControllerRevision',
  'apps.v1.DaemonSet',
  'apps.v1.Deployment',
  'apps.v1.ReplicaSet',
  'apps.v1.StatefulSet',
  'authentication.v1.SelfSubjectReview',
  'authentication.v1.TokenRequest',
  'authentication.v1.TokenReview',
  'authorization.v1.LocalSubjectAccessReview',
  'authorization.v1.SelfSubjectAccessReview',
  'authorization.v1.SelfSubjectRulesReview',
  'authorization.v1.SubjectAccessReview',
  'autoscaling.v1.HorizontalPodAutoscaler',
  'autoscaling.v1.Scale',
  'autoscaling.v2.HorizontalPodAutoscaler',
  'batch.v1.CronJob',
  'batch.v1.Job',
  'certificates.v1.CertificateSigningRequest',
  'coordination.v1.Lease',
  'core.v1.Binding',
  'core.v1.ComponentStatus',
  'core.v1.ConfigMap',
  'core.v1.Endpoints',
  'core.v1.Event',
  'core.v1.LimitRange',
  'core.v1.Namespace',
  'core.v1.Node',
  'core.v1.PersistentVolume',
  'core.v1.PersistentVolumeClaim',
  'core.v1.Pod',
  'core.v1.PodTemplate',
  'core.v1.ReplicationController',
  'core.v1.ResourceQuota',
  'core.v1.Secret',
  'core.v1.Service',
  'core.v1.ServiceAccount',
  'discovery.v1.EndpointSlice',
  'events.v1.Event',
  'meta.v1.DeleteOptions',
  'meta.v1.Status',
  'networking.v1.IPAddress',
  'networking.v1.Ingress',
  'networking.v1.IngressClass',
  'networking.v1.NetworkPolicy',
  'networking.v1.ServiceCIDR',
  'policy.v1.Eviction',
  'policy.v1.PodDisruptionBudget',
  'rbac.v1.ClusterRole',
  'rbac.v1.ClusterRoleBinding',
  'rbac.v1.Role',
  'rbac.v1.RoleBinding',
  'scheduling.v1.PriorityClass',
  'storage.v1.CSIDriver',
  'storage.v1.CSINode',
  'storage.v1.CSIStorageCapacity',
  'storage.v1.StorageClass',
  'storage.v1.VolumeAttachment',
]

/**
 * Go embeds these structs: JSON shows their fields in the parent, protobuf nests them.
 * The value is the embedded type where OpenAPI does not define it by itself.
 */
const inlineFields: ReadonlySet<string> = new Set([
  'configMapEnvSource.localObjectReference',
  'configMapKeySelector.localObjectReference',
  'configMapProjection.localObjectReference',
  'configMapVolumeSource.localObjectReference',
  'ephemeralContainer.ephemeralContainerCommon',
  'ingressRule.ingressRuleValue',
  'persistentVolumeSpec.persistentVolumeSource',
  'probe.handler',
  'ruleWithOperations.rule',
  'secretEnvSource.localObjectReference',
  'secretKeySelector.localObjectReference',
  'secretProjection.localObjectReference',
  'volume.volumeSource',
])

const WORKLOAD = 'k8s.io.api.scheduling.v1alpha3.WorkloadPodGroup'

/** Messages behind the gated JobSpec.scheduling, which the protobuf description leaves out; numbers as the golden Job has them. */
const gatedMessages: Readonly<Record<string, Readonly<Record<string, ProtoField>>>> = {
  [`${WORKLOAD}SchedulingPolicy`]: {
    basic: { number: 1, type: `.${WORKLOAD}BasicSchedulingPolicy` },
    gang: { number: 2, type: `.${WORKLOAD}GangSchedulingPolicy` },
  },
  [`${WORKLOAD}GangSchedulingPolicy`]: { minCount: { number: 1, type: 'int32' } },
  [`${WORKLOAD}SchedulingConstraints`]: {
    topology: { number: 1, type: `.${WORKLOAD}TopologyConstraint`, repeated: true },
  },
  [`${WORKLOAD}TopologyConstraint`]: { key: { number: 1, type: 'string' } },
  [`${WORKLOAD}DisruptionMode`]: {
    single: { number: 1, type: `.${WORKLOAD}SingleDisruptionMode` },
    all: { number: 2, type: `.${WORKLOAD}AllDisruptionMode` },
  },
  [`${WORKLOAD}ResourceClaim`]: {
    name: { number: 1, type: 'string' },
    resourceClaimName: { number: 2, type: 'string' },
    resourceClaimTemplateName: { number: 3, type: 'string' },
  },
}

const apiExtensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1'

const scalars: Readonly<Record<string, string>> = {
  [`${apiExtensions}.JSON`]: 'JSON',
  [`${apiExtensions}.JSONSchemaPropsOrArray`]: 'JSONSchemaPropsOrArray',
  [`${apiExtensions}.JSONSchemaPropsOrBool`]: 'JSONSchemaPropsOrBool',
  [`${apiExtensions}.JSONSchemaPropsOrStringArray`]: 'JSONSchemaPropsOrStringArray',
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'Quantity',
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': 'FieldsV1',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'MicroTime',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'Time',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'RawExtension',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'IntOrString',
}

const directory = process.argv[2]
if (!directory) {
  console.error('usage: generate-schema.ts DIR')
  process.exit(2)
}
const read = (name: string) => JSON.parse(readFileSync(join(directory, name), 'utf8'))
const definitions: Readonly<Record<string, Definition>> = read(
  'kubernetes-openapi-v2.json',
).definitions
const messages: Readonly<Record<string, Readonly<Record<string, ProtoField>>>> = {
  ...read('kubernetes-proto-fields.json'),
  ...readExtensionMessages(),
}
const goFacts = readFacts('go-type-facts.txt')
const defaults = readFacts('default-facts.txt')

interface Task {
  readonly name: string
  /** Describes the JSON fields of an embedded type that OpenAPI does not define by itself. */
  readonly parent?: Definition
}

const blocks = new Map<string, string>()
const queue: Task[] = roots
  .flatMap((name) => [name, `${name}List`])
  .filter((name) => definitionOf(name))
  .map((name) => ({ name }))
for (let task = queue.shift(); task; task = queue.shift()) {
  if (!blocks.has(task.name)) blocks.set(task.name, describeType(task))
}
const target = resolve(import.meta.dirname, '../src/api/schema/fields.txt')
const header =
  '# Generated by tools/generate-schema.ts: do not edit. schema.ts reads it and says what the words mean.\n'
writeFileSync(
  target,
  header +
    [...blocks.keys()]
      .sort()
      .map((name) => blocks.get(name))
      .join(''),
)
console.error(`${target}: ${blocks.size} types`)

/** `type field` → the rest of its line. */
function readFacts(name: string): ReadonlyMap<string, string> {
  return new Map(
    readLines(name).map((line) => {
      const [type, field, ...facts] = line.split(' ')
      return [`${type} ${field}`, facts.join(' ')]
    }),
  )
}

/** The lines of a table beside this file. */
function readLines(name: string): string[] {
  return readFileSync(resolve(import.meta.dirname, name), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
}

function readExtensionMessages(): Record<string, Record<string, ProtoField>> {
  const found: Record<string, Record<string, ProtoField>> = {}
  for (const line of readLines('apiextensions-proto-fields.txt')) {
    const [message, field, number, type, repeated] = line.split(' ')
    const name = `${apiExtensions.replace(/^io\.k8s\./, 'k8s.io.')}.${message}`
    found[name] ??= {}
    found[name][field!] = { number: Number(number), type: type!, repeated: repeated !== undefined }
  }
  return found
}

function openAPIName(name: string): string {
  if (name.startsWith('apiextensions.')) return name.replace('apiextensions.v1', apiExtensions)
  return name.startsWith('meta.') ? `io.k8s.apimachinery.pkg.apis.${name}` : `io.k8s.api.${name}`
}

/** `core.v1.Pod` of an OpenAPI or protobuf name. */
function shortName(name: string): string {
  return (
    scalars[name] ??
    name.replace(/^io\.k8s\.(api|apimachinery\.pkg\.apis|apiextensions-apiserver\.pkg\.apis)\./, '')
  )
}

function definitionOf(name: string): Definition | undefined {
  return definitions[openAPIName(name)]
}

function messageOf(name: string): Readonly<Record<string, ProtoField>> {
  const full = openAPIName(name).replace(/^io\.k8s\./, 'k8s.io.')
  return messages[full] ?? gatedMessages[full] ?? {}
}

function describeType({ name, parent }: Task): string {
  // Only gated fields lead to a type that the API description leaves out.
  const definition = parent ?? definitionOf(name) ?? {}
  const properties = definition.properties ?? {}
  const message = messageOf(name)
  const jsonNames = new Map(Object.keys(properties).map((key) => [plain(key), key]))
  const left = new Set(parent ? [] : Object.keys(properties))
  const lines: string[] = []
  for (const [protoName, proto] of Object.entries(message).sort(byNumber)) {
    if (isInline(name, protoName)) {
      const embedded = protoType(name, proto.type)
      const own = definitionOf(embedded)
      for (const key of Object.keys(messageOf(embedded))) left.delete(key)
      queue.push(own ? { name: embedded } : { name: embedded, parent: definition })
      lines.push(` ${protoName} ${embedded} ${proto.number} inline`)
      continue
    }
    const jsonName = jsonNames.get(plain(protoName))
    left.delete(jsonName ?? '')
    lines.push(
      jsonName
        ? describeField(name, jsonName, definition, proto.number)
        : describeGatedField(name, protoName, proto),
    )
  }
  const rest = [...left].map((key) => describeField(name, key, definition, 0))
  const head = `${name}${kindOf(definition)}${parent ? '' : factsOf(definition)}`
  return [head, ...rest, ...lines, ''].join('\n')
}

/** `x-kubernetes-list-type` and `$ref` are `xKubernetesListType` and `ref` on the wire. */
function plain(name: string): string {
  return name.replace(/[-$]/g, '').toLowerCase()
}

function byNumber([, a]: [string, ProtoField], [, b]: [string, ProtoField]): number {
  return a.number - b.number
}

function isInline(type: string, field: string): boolean {
  const own = type.slice(type.lastIndexOf('.') + 1)
  return inlineFields.has(`${own[0]!.toLowerCase()}${own.slice(1)}.${field}`)
}

/** ` apps/v1/Deployment`; nothing for types that belong to every group (DeleteOptions) or to none. */
function kindOf(definition: Definition): string {
  const gvks = definition['x-kubernetes-group-version-kind'] ?? []
  const core =
    gvks.length > 1 ? gvks.find(({ group, version }) => group === '' && version === 'v1') : gvks[0]
  return core ? ` ${core.group}/${core.version}/${core.kind}` : ''
}

/** What holds for a type as a whole. */
function factsOf(definition: Definition): string {
  const [union] = definition['x-kubernetes-unions'] ?? []
  const members = Object.keys(union?.['fields-to-discriminateBy'] ?? {})
  const words = [
    word('map', definition['x-kubernetes-map-type']),
    union ? word('union', [union.discriminator ?? '', ...members].join(',')) : '',
  ]
  return words.map((text) => (text === '' ? '' : ` ${text}`)).join('')
}

function describeField(
  type: string,
  name: string,
  { properties, required }: Definition,
  number: number,
) {
  const property = properties![name]!
  const patch = property['x-kubernetes-patch-strategy']
  const words = [
    name,
    typeOf(property),
    number,
    required?.includes(name) ? 'required' : '',
    goFacts.get(`${type} ${name}`) ?? '',
    word('default', defaults.get(`${type} ${name}`)),
    word('list', property['x-kubernetes-list-type']),
    word('keys', property['x-kubernetes-list-map-keys']?.join(',')),
    word('map', property['x-kubernetes-map-type']),
    word('strategy', patch),
    word('merge', property['x-kubernetes-patch-merge-key']),
  ]
  return ` ${words.filter((text) => text !== '').join(' ')}`
}

function word(key: string, value: string | undefined): string {
  return value ? `${key}=${value}` : ''
}

/** Behind a feature gate that the API description leaves out: the codec reads it, the API does not take it. */
function describeGatedField(type: string, name: string, proto: ProtoField): string {
  const facts = goFacts.get(`${type} ${name}`) ?? ''
  const list = proto.repeated ? '[]' : ''
  const text = ` ${name} ${list}${protoType(type, proto.type)} ${proto.number} ${facts} gated`
  return text.replace('  ', ' ')
}

function typeOf(property: Property): string {
  if (property.$ref) return reference(property.$ref.replace('#/definitions/', ''))
  if (property.items) return `[]${typeOf(property.items)}`
  if (property.additionalProperties) return `map:${typeOf(property.additionalProperties)}`
  if (property.type === 'string' && property.format === 'byte') return 'bytes'
  if (property.type === 'integer') return property.format ?? 'int64'
  if (property.type === 'number') return 'double'
  if (property.type === 'boolean') return 'bool'
  return property.type ?? 'any'
}

function protoType(owner: string, type: string): string {
  const map = /^map<string,(.*)>$/.exec(type)
  if (map) return `map:${protoType(owner, map[1]!)}`
  if (/^(string|bool|bytes|int32|int64|double)$/.test(type)) return type
  // Go's ExtraValue and its like: a list behind a name, which protobuf wraps.
  if (/^[A-Z][A-Za-z]*Value$/.test(type) && isWrappedList(owner, type)) return '[]string'
  const full = type.startsWith('.')
    ? type.slice(1).replace(/^k8s\.io\./, 'io.k8s.')
    : openAPIName(owner.slice(0, owner.lastIndexOf('.') + 1)) + type
  return isInlineTarget(owner, full) ? shortName(full) : reference(full)
}

function isWrappedList(owner: string, type: string): boolean {
  const { items, ...others } = messageOf(`${owner.slice(0, owner.lastIndexOf('.') + 1)}${type}`)
  return items?.repeated === true && items.type === 'string' && Object.keys(others).length === 0
}

/** Embedded types are queued by their embedding type, which knows their JSON fields. */
function isInlineTarget(owner: string, full: string): boolean {
  return (
    !definitions[full] &&
    !scalars[full] &&
    Object.keys(messageOf(owner)).some((field) => isInline(owner, field))
  )
}

function reference(full: string): string {
  const name = shortName(full)
  if (!scalars[full]) queue.push({ name })
  return name
}
