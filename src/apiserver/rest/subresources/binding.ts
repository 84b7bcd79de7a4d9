import type { Pod } from '#api/core.ts'
import { invalid as invalidField, required } from '#api/field-error.ts'
import { isJSONObject } from '#api/json.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { pods } from '#api/resources.ts'
import { conflict, invalid } from '#api/status.ts'
import { type Answer, statusAnswer } from '../../http/answer.ts'
import { mutate } from '../mutate.ts'
import { parseBody } from '../parse-body.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { timestamp } from '../timestamp.ts'
import { parseWriteOptions } from '../write-options.ts'

/** pods/binding: gives a pod its node, once (pkg/registry/core/pod/storage/storage.go assignPod). */
export const binding = {
  async create(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const { dryRun } = parseWriteOptions(request.query, 'CreateOptions')
    const { value } = await parseBody(await request.body(), request.contentType)
    const node = nodeOf(isJSONObject(value.target) ? value.target : {}, request.name)
    // The scheduler may set what a user's update may not: this goes by the rules of the status.
    const { spec } = request
    const target = {
      ...request,
      subresource: 'binding',
      spec: { ...spec, validateUpdate: () => [] },
    }
    await mutate(target, deps, { dryRun, change: (pod) => bind(pod as Pod, node, request) })
    return statusAnswer({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      code: 201,
    })
  },
}

/** POST to bindings itself: the object names its pod. */
export const bindingByName = {
  async create(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const body = await request.body()
    const { value } = await parseBody(body, request.contentType)
    const { name } = isJSONObject(value.metadata) ? value.metadata : {}
    const { group, version, plural } = pods
    const spec = deps.kinds.find(group, version, plural)
    if (typeof name !== 'string' || name === '' || !spec) {
      throw invalid({ kind: 'Binding', group: '' }, '', [required('metadata.name')])
    }
    return binding.create({ ...request, spec, name, subresource: 'binding' }, deps)
  },
}

function nodeOf(
  { kind, name }: { readonly kind?: unknown; readonly name?: unknown },
  pod: string,
): string {
  const errors = [
    ...(kind === undefined || kind === '' || kind === 'Node'
      ? []
      : [invalidField('target.kind', kind, 'must be empty or "Node"')]),
    ...(typeof name === 'string' && name !== '' ? [] : [required('target.name')]),
  ]
  if (errors.length > 0) throw invalid({ kind: 'Binding', group: '' }, pod, errors)
  return String(name)
}

function bind(pod: Pod, node: string, { spec, name }: RESTRequest): KubernetesObject {
  const refuse = (why: string) => conflict({ ...spec.resource, plural: 'pods/binding' }, name, why)
  if (pod.metadata.deletionTimestamp) {
    throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`)
  }
  if (pod.spec.nodeName) {
    throw refuse(`pod ${name} is already assigned to node "${pod.spec.nodeName}"`)
  }
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled')
  const scheduled = {
    type: 'PodScheduled',
    status: 'True',
    lastTransitionTime: timestamp(),
  } as const
  const bound: Pod = {
    ...pod,
    spec: { ...pod.spec, nodeName: node },
    status: { ...pod.status, conditions: [...others, scheduled] },
  }
  return bound
}
