import type { Binding, Pod } from '#api/core.ts'
import { type FieldError, notSupported, required } from '#api/field-error.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { nodes, pods, type Resource } from '#api/resources.ts'
import { badRequest, conflict, invalid } from '#api/status.ts'
import { type Answer, statusAnswer } from '../../http/answer.ts'
import { decodeObject } from '../decode-object.ts'
import { mutate, preconditionFailed } from '../mutate.ts'
import { parseBody } from '../parse-body.ts'
import { keyOf, objectOf } from '../record.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { timestamp } from '../timestamp.ts'
import { parseWriteOptions } from '../write-options.ts'

const BINDING: Resource<Binding> = {
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'bindings',
  namespaced: true,
}

/** pods/binding: gives a pod its node, once (pkg/registry/core/pod/storage/storage.go, BindingREST). */
export const binding = {
  async create(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    return assign(await decode(request), request, deps)
  },
}

/** POST to bindings itself: the object names its pod (LegacyBindingREST). */
export const bindingByName = {
  async create(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const decoded = await decode(request)
    const spec = deps.kinds.find(pods.group, pods.version, pods.plural)! // always served
    return assign(decoded, { ...request, spec, name: decoded.metadata.name }, deps)
  },
}

async function decode(request: RESTRequest): Promise<Binding> {
  const { fieldValidation } = parseWriteOptions(request.query, 'CreateOptions')
  const body = await parseBody(await request.body(), request.contentType, BINDING)
  return decodeObject(BINDING, body, fieldValidation, request.warn) as Binding
}

/** @throws StatusError 400, 404, 409, 422 */
async function assign(binding: Binding, request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const { dryRun } = parseWriteOptions(request.query, 'CreateOptions')
  if (binding.metadata.name !== request.name) {
    throw badRequest('name in URL does not match name in Binding object')
  }
  const errors = validate(binding)
  // Upstream makes no Status of them, which is then a 500.
  if (errors.length > 0) throw invalid(BINDING, request.name, errors)
  const topology = await topologyOf(binding.target.name!, deps)
  // The scheduler may set what a user's update may not.
  const spec = { ...request.spec, validateUpdate: () => [] }
  await mutate({ ...request, subresource: 'binding', spec }, deps, {
    dryRun,
    isApply: true, // nobody owns what a binding writes
    change: (pod) => bind(pod as Pod, binding, topology, request),
  })
  return statusAnswer({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    code: 201,
  })
}

// pkg/apis/core/validation, ValidatePodBinding
function validate({ target: { kind = '', name = '' } = {} }: Partial<Binding>): FieldError[] {
  return [
    ...(kind === '' || kind === 'Node'
      ? []
      : [notSupported('target.kind', kind, ['Node', '<empty>'])]),
    ...(name === '' ? [required('target.name')] : []),
  ]
}

const TOPOLOGY_LABELS = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone']

/** What a pod is told of where its node is. Source: plugin/pkg/admission/podtopologylabels. */
async function topologyOf(node: string, { store }: RESTDeps): Promise<Record<string, string>> {
  const item = await store.get(keyOf(nodes, undefined, node))
  const { labels = {} } = item ? objectOf(item, nodes).metadata : {}
  return Object.fromEntries(
    TOPOLOGY_LABELS.flatMap((key) => (labels[key] === undefined ? [] : [[key, labels[key]]])),
  )
}

function bind(
  pod: Pod,
  { metadata: { uid, resourceVersion, annotations, labels }, target }: Binding,
  topology: Readonly<Record<string, string>>,
  request: RESTRequest,
): KubernetesObject {
  const { metadata, spec } = pod
  const { name } = metadata
  if (uid && uid !== metadata.uid) throw preconditionFailed(request, 'UID', uid, metadata.uid)
  if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
    const held = metadata.resourceVersion
    throw preconditionFailed(request, 'ResourceVersion', resourceVersion, held)
  }
  const refuse = (why: string) => conflict({ group: '', plural: 'pods/binding' }, name, why)
  if (metadata.deletionTimestamp) {
    throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`)
  }
  if (spec.nodeName) throw refuse(`pod ${name} is already assigned to node "${spec.nodeName}"`)
  if ((spec.schedulingGates ?? []).length > 0) {
    throw refuse(`pod ${name} has non-empty .spec.schedulingGates`)
  }
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled')
  const scheduled = {
    type: 'PodScheduled',
    status: 'True',
    lastTransitionTime: timestamp(),
  } as const
  const bound: Pod = {
    ...pod,
    metadata: {
      ...metadata,
      ...merged('annotations', metadata.annotations, annotations),
      ...merged('labels', metadata.labels, { ...topology, ...labels }),
    },
    spec: { ...spec, nodeName: target.name! },
    status: { ...pod.status, conditions: [...others, scheduled] },
  }
  return bound
}

type Texts = Readonly<Record<string, string>>

/** A field of metadata with what the binding adds; nothing where it adds nothing. */
function merged(field: 'annotations' | 'labels', held: Texts = {}, added: Texts = {}) {
  return Object.keys(added).length === 0 ? {} : { [field]: { ...held, ...added } }
}
