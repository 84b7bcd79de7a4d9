import type { PolicyRule } from '#api/rbac.ts'
import type { Authorize, Decision, ResourceAttributes } from '../authorize.ts'
import { ruleAllows } from '../rbac/match-rule.ts'
import { nodeOf } from '../user.ts'
import type { NodeGraph, Referred } from './node-graph.ts'

const ALLOW: Decision = { verdict: 'allow' }
const none = (reason?: string): Decision =>
  reason === undefined ? { verdict: 'none' } : { verdict: 'none', reason }

const LEASE_NAMESPACE = 'kube-node-lease'
const READ = ['get', 'list', 'watch']

/**
 * Holds a node's agent to its own Node, Lease and pods, and to what these refer to. Source and sentences:
 * plugin/pkg/auth/authorizer/node/node_authorizer.go.
 *
 * @param rules What nodes may do where nothing sets them apart: the rules of ClusterRole system:node.
 */
export function createNodeAuthorizer(graph: NodeGraph, rules: readonly PolicyRule[]): Authorize {
  return (user, attributes) => {
    const node = nodeOf(user)
    if (node === undefined) return none()
    if (node === '') return none(`unknown node for user "${user.name}"`)
    const special = 'path' in attributes ? undefined : decideResource(graph, node, attributes)
    if (special) return special
    return rules.some((rule) => ruleAllows(rule, attributes)) ? ALLOW : none()
  }
}

/** Undefined for resources that are alike for all nodes. */
function decideResource(
  graph: NodeGraph,
  node: string,
  attributes: ResourceAttributes,
): Decision | undefined {
  switch (`${attributes.group}/${attributes.plural}`) {
    case '/secrets':
    case '/configmaps':
      return decideRead(graph, node, attributes, attributes.plural as Referred)
    case '/persistentvolumeclaims':
      return decideClaim(graph, node, attributes)
    case '/serviceaccounts':
      return decideAccount(graph, node, attributes)
    case 'coordination.k8s.io/leases':
      return decideLease(node, attributes)
    case 'storage.k8s.io/csinodes':
      return decideCSINode(node, attributes)
    case '/nodes':
      return decideNode(node, attributes)
    case '/pods':
      return decidePod(graph, node, attributes)
    default:
      return undefined
  }
}

const unrelated = (node: string) =>
  none(`no relationship found between node '${node}' and this object`)

function decideReference(
  graph: NodeGraph,
  node: string,
  { namespace = '', name = '' }: ResourceAttributes,
  kind: Referred,
): Decision {
  if (name === '') return none('No Object name found')
  return graph.isReferred(node, kind, namespace, name) ? ALLOW : unrelated(node)
}

function decideRead(
  graph: NodeGraph,
  node: string,
  attributes: ResourceAttributes,
  kind: Referred,
): Decision {
  const { verb, subresource, namespace = '' } = attributes
  if (!READ.includes(verb)) return none('can only read resources of this type')
  if (subresource !== undefined) return none('cannot read subresource')
  if (namespace === '') return none('can only read namespaced object of this type')
  return decideReference(graph, node, attributes, kind)
}

function decideClaim(graph: NodeGraph, node: string, attributes: ResourceAttributes): Decision {
  const { verb, subresource, plural } = attributes
  const kind = plural as Referred
  if (subresource === 'status') {
    if (verb !== 'update' && verb !== 'patch') return none('can only get/update/patch this type')
    return decideReference(graph, node, attributes, kind)
  }
  if (verb !== 'get') return none('can only get individual resources of this type')
  if (subresource !== undefined) return none('cannot get subresource')
  return decideReference(graph, node, attributes, kind)
}

function decideAccount(graph: NodeGraph, node: string, attributes: ResourceAttributes): Decision {
  const { verb, subresource, name = '', namespace = '' } = attributes
  if (verb === 'get' && subresource === undefined)
    return decideRead(graph, node, attributes, 'serviceaccounts')
  if (verb !== 'create' || name === '')
    return none('can only create tokens for individual service accounts')
  if (subresource !== 'token') return none('can only create token subresource of serviceaccount')
  return graph.isReferred(node, 'serviceaccounts', namespace, name) ? ALLOW : unrelated(node)
}

const OWN = ['get', 'create', 'update', 'patch', 'delete']

function decideLease(node: string, { verb, namespace, name }: ResourceAttributes): Decision {
  if (!OWN.includes(verb))
    return none('can only get, create, update, patch, or delete a node lease')
  if (namespace !== LEASE_NAMESPACE)
    return none(`can only access leases in the "${LEASE_NAMESPACE}" system namespace`)
  // The name of a new one is checked by NodeRestriction.
  if (verb !== 'create' && name !== node)
    return none('can only access node lease with the same name as the requesting node')
  return ALLOW
}

function decideCSINode(node: string, { verb, subresource, name }: ResourceAttributes): Decision {
  if (!OWN.includes(verb)) return none('can only get, create, update, patch, or delete a CSINode')
  if (subresource !== undefined) return none('cannot authorize CSINode subresources')
  if (verb !== 'create' && name !== node)
    return none('can only access CSINode with the same name as the requesting node')
  return ALLOW
}

function decideNode(node: string, attributes: ResourceAttributes): Decision {
  const { verb, subresource, name = '' } = attributes
  // NodeRestriction holds writes to its own Node.
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? ALLOW : none()
  if (subresource !== undefined) return none()
  if (verb === 'create' || verb === 'update' || verb === 'patch') return ALLOW
  if (!READ.includes(verb)) return none()
  if (name === node) return ALLOW
  return none(
    name === ''
      ? `node '${node}' cannot read all nodes, only its own Node object`
      : `node '${node}' cannot read '${name}', only its own Node object`,
  )
}

function decidePod(graph: NodeGraph, node: string, attributes: ResourceAttributes): Decision {
  const { verb, subresource, name = '', namespace = '', fields = {} } = attributes
  const isOwn = () => graph.nodeOfPod(namespace, name) === node
  // NodeRestriction holds writes to its own pods.
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? ALLOW : none()
  if (subresource === 'eviction') return verb === 'create' ? ALLOW : none()
  if (subresource !== undefined) return none()
  switch (verb) {
    case 'get':
      return isOwn() ? ALLOW : unrelated(node)
    case 'list':
    case 'watch':
      if (fields['spec.nodeName'] === node) return ALLOW
      if (name !== '') return isOwn() ? ALLOW : unrelated(node)
      return none('can only list/watch pods with spec.nodeName field selector')
    case 'create':
    case 'delete':
      return ALLOW
    default:
      return none()
  }
}
