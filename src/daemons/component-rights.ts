import type { Authorize } from '#apiserver/auth/authorize.ts'

/** Some verbs on some resources (`plural`, `plural/subresource`), as a Role's rule would say it. */
interface Right {
  readonly verbs: readonly string[]
  readonly resources: readonly string[]
  /** Only in this namespace. */
  readonly namespace?: string
}

const READ = ['get', 'list', 'watch']
const EVENTS: Right = { verbs: ['create', 'patch', 'update'], resources: ['events'] }

/**
 * What each component of a cluster may do: what it does, and no more. Roles that people can change come with RBAC; a node may not yet
 * be held to its own pods.
 */
const rights: Readonly<Record<string, readonly Right[]>> = {
  // Its garbage collector and namespace controller delete objects of every kind.
  'system:kube-controller-manager': [{ verbs: ['*'], resources: ['*'] }],
  'system:nodes': [
    { verbs: READ, resources: ['services', 'endpointslices', 'nodes', 'pods'] },
    // One by one, as its pods name them: never all of them.
    { verbs: ['get'], resources: ['secrets', 'configmaps'] },
    { verbs: ['create', 'update', 'patch'], resources: ['nodes', 'nodes/status'] },
    { verbs: ['update', 'patch'], resources: ['pods/status'] },
    { verbs: ['delete'], resources: ['pods'] },
    {
      verbs: ['get', 'create', 'update', 'patch'],
      resources: ['leases'],
      namespace: 'kube-node-lease',
    },
    EVENTS,
  ],
  'system:fairlead:dns': [{ verbs: READ, resources: ['services', 'endpointslices', 'namespaces'] }],
  'system:fairlead:ingress': [
    {
      verbs: READ,
      resources: ['services', 'endpointslices', 'secrets', 'ingresses', 'ingressclasses'],
    },
    { verbs: ['update', 'patch'], resources: ['ingresses/status'] },
    EVENTS,
  ],
}

/** Administrators (system:masters) may do all; components what is written above; others nothing. */
export const authorizeComponents: Authorize = ({ name, groups }, attributes) => {
  if (groups.includes('system:masters')) return true
  const held = [name, ...groups].flatMap((subject) => rights[subject] ?? [])
  if ('path' in attributes) return attributes.verb === 'get' && held.length > 0
  const { verb, plural, subresource, namespace } = attributes
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`
  return held.some(
    (right) =>
      allows(right.verbs, verb) &&
      allows(right.resources, resource) &&
      (right.namespace === undefined || right.namespace === namespace),
  )
}

function allows(list: readonly string[], wanted: string): boolean {
  return list.includes('*') || list.includes(wanted)
}
