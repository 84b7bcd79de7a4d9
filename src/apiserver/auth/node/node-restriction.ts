import type { Node, Pod } from '#api/core.ts'
import { equalJSON } from '#api/json.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { leases, nodes, pods, serviceAccounts } from '#api/resources.ts'
import { forbidden, notFound } from '#api/status.ts'
import type { Admission, AdmissionRequest } from '../../admission/admission.ts'
import { keyOf } from '../../rest/record.ts'
import type { Store } from '../../storage/store.ts'
import { nodeOf } from '../user.ts'
import { referredBy } from './node-graph.ts'
import { forbiddenLabels } from './node-labels.ts'

const MIRROR = 'kubernetes.io/config.mirror'
const LEASE_NAMESPACE = 'kube-node-lease'

interface Restricted extends AdmissionRequest {
  readonly node: string
  /** @throws StatusError 403, always */
  readonly deny: (why: string) => never
}

/** A node's agent writes its own Node, Lease and pods only. Source and sentences: plugin/pkg/admission/noderestriction. */
export function createNodeRestriction(store: Store): Admission {
  return {
    async admit(request) {
      const { object, user, resource } = request
      const node = user && nodeOf(user)
      if (node === undefined) return { object }
      const deny = (why: string): never => {
        throw forbidden(resource, object.metadata.name, why)
      }
      if (node === '') deny(`could not determine node from user "${user!.name}"`)
      await check({ ...request, node, deny }, store)
      return { object }
    },
  }
}

async function check(request: Restricted, store: Store): Promise<void> {
  const { resource, subresource, node, deny, object } = request
  switch (`${resource.group}/${resource.plural}`) {
    case `/${pods.plural}`:
      if (subresource === undefined) return checkPod(request, store)
      if (subresource === 'status') return checkPodStatus(request)
      if (subresource === 'eviction') return
      return deny(
        `unexpected pod subresource "${subresource}", only 'status' and 'eviction' are allowed`,
      )
    case `/${nodes.plural}`:
      return checkNode(request)
    case `/${serviceAccounts.plural}`:
      return checkToken(request, store)
    case `${leases.group}/${leases.plural}`:
      if (object.metadata.namespace !== LEASE_NAMESPACE)
        deny(`can only access leases in the "${LEASE_NAMESPACE}" system namespace`)
      if (object.metadata.name !== node)
        deny('can only access node lease with the same name as the requesting node')
      return
  }
}

async function checkPod(request: Restricted, store: Store): Promise<void> {
  const { operation, object, node, deny } = request
  const pod = object as Pod
  if (operation === 'DELETE') {
    if (pod.spec.nodeName !== node)
      deny(`node "${node}" can only delete pods with spec.nodeName set to itself`)
    return
  }
  if (operation !== 'CREATE')
    deny(
      `unexpected operation "${operation}", node "${node}" can only create and delete mirror pods`,
    )
  if (pod.metadata.annotations?.[MIRROR] === undefined)
    deny(`pod does not have "${MIRROR}" annotation, node "${node}" can only create mirror pods`)
  if (pod.spec.nodeName !== node)
    deny(`node "${node}" can only create pods with spec.nodeName set to itself`)
  await checkOwner(request, store)
  const { annotations: _, ...metadata } = pod.metadata
  for (const [kind] of referredBy({ ...pod, metadata }))
    deny(`node "${node}" can not create pods that reference ${kind}`)
}

async function checkOwner({ object, node, deny }: Restricted, store: Store): Promise<void> {
  const [owner, ...others] = object.metadata.ownerReferences ?? []
  const can = `node "${node}" can only create pods with`
  if (others.length > 0) deny(`${can} a single owner reference set to itself`)
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node)
    return deny(`${can} an owner reference set to itself`)
  if (!owner.controller) deny(`${can} a controller owner reference set to itself`)
  if (owner.blockOwnerDeletion)
    deny(`node "${node}" must not set blockOwnerDeletion on an owner reference`)
  const item = await store.get(keyOf(nodes, undefined, node))
  if (!item) throw notFound(nodes, node)
  const { uid } = (JSON.parse(item.value) as KubernetesObject).metadata
  if (owner.uid !== uid) deny(`node ${node} UID mismatch: expected ${owner.uid} got ${uid}`)
}

function checkPodStatus({ operation, object, old, node, deny }: Restricted): void {
  if (operation !== 'UPDATE') deny(`unexpected operation "${operation}"`)
  if ((old as Pod).spec.nodeName !== node)
    deny(`node "${node}" can only update pod status for pods with spec.nodeName set to itself`)
  if (!equalJSON(object.metadata.labels ?? {}, old?.metadata.labels ?? {}))
    deny(`node "${node}" cannot update labels through pod status`)
}

function checkNode({ operation, object, old, node, deny }: Restricted): void {
  const { name, labels = {} } = object.metadata
  if (name !== node) deny(`node "${node}" is not allowed to modify node "${name}"`)
  if (operation === 'CREATE') {
    const refused = forbiddenLabels(labels, {})
    if (refused.length > 0)
      deny(`node "${node}" is not allowed to set the following labels: ${refused.join(', ')}`)
  }
  if (operation !== 'UPDATE' || !old) return
  const taints = (one: KubernetesObject) => (one as Node).spec?.taints ?? []
  if (!equalJSON(taints(object), taints(old)))
    deny(`node "${node}" is not allowed to modify taints`)
  if (!equalJSON(object.metadata.ownerReferences ?? [], old.metadata.ownerReferences ?? []))
    deny(`node "${node}" is not allowed to modify ownerReferences`)
  const refused = forbiddenLabels(labels, old.metadata.labels ?? {})
  if (refused.length > 0) deny(`is not allowed to modify labels: ${refused.join(', ')}`)
}

interface TokenSpec {
  readonly audiences?: readonly string[]
  readonly boundObjectRef?: {
    readonly apiVersion?: string
    readonly kind?: string
    readonly name?: string
    readonly uid?: string
  }
}

async function checkToken(
  { operation, object, subresource, node, deny }: Restricted,
  store: Store,
) {
  if (operation !== 'CREATE' || subresource !== 'token') return
  const { spec = {} } = object as KubernetesObject & { readonly spec?: TokenSpec }
  const { apiVersion, kind, name, uid } = spec.boundObjectRef ?? {}
  if (apiVersion !== 'v1' || kind !== 'Pod' || !name)
    return deny('node requested token not bound to a pod')
  if (!uid) deny('node requested token with a pod binding without a uid')
  const item = await store.get(keyOf(pods, object.metadata.namespace, name))
  if (!item) throw notFound(pods, name)
  const pod = JSON.parse(item.value) as Pod
  if (pod.metadata.uid !== uid)
    deny(
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  if (pod.spec.nodeName !== node)
    deny('node requested token bound to a pod scheduled on a different node')
  checkAudience(pod, spec.audiences ?? [], node, deny)
}

interface WithProjected {
  readonly projected?: {
    readonly sources?: readonly { readonly serviceAccountToken?: { readonly audience?: string } }[]
  }
}

function checkAudience(
  pod: Pod,
  audiences: readonly string[],
  node: string,
  deny: (why: string) => never,
): void {
  if (audiences.length > 1) deny('node may only request 0 or 1 audiences')
  const [audience = ''] = audiences
  const sources = ((pod.spec.volumes ?? []) as readonly WithProjected[]).flatMap(
    ({ projected }) => projected?.sources ?? [],
  )
  const isNamed = sources.some(
    ({ serviceAccountToken: token }) => token && (token.audience ?? '') === audience,
  )
  if (!isNamed)
    deny(
      `audience "${audience}" not found in pod spec volume, system:node:${node} is not authorized to request tokens for this audience`,
    )
}
