import type { Namespace } from '#api/core.ts'
import { namespaces, type Resource } from '#api/resources.ts'
import { forbidden, notFound, StatusError } from '#api/status.ts'
import { keyOf, objectOf } from './record.ts'
import type { RESTDeps } from './request.ts'

/** Nothing is created in a namespace that is not there, or is going (admission plugin NamespaceLifecycle). */
export async function checkNamespace(
  { store }: Pick<RESTDeps, 'store'>,
  resource: Resource,
  namespace: string,
  name: string,
): Promise<void> {
  const item = await store.get(keyOf(namespaces, undefined, namespace))
  if (!item) throw notFound(namespaces, namespace)
  // Asked at every creation: what does not even say the word need not be read.
  if (!item.value.includes('"deletionTimestamp"')) return
  const found = objectOf(item) as Namespace // by its key
  if (!found.metadata.deletionTimestamp) return
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`
  const { status } = forbidden(resource, name, why)
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${namespace} is being terminated`,
    field: 'metadata.namespace',
  }
  throw new StatusError({ ...status, details: { ...status.details, causes: [cause] } })
}

/** What every cluster has (admission plugin NamespaceLifecycle); kube-node-lease is not among them. */
const IMMORTAL: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public'])

/** @throws StatusError for a namespace that must stay */
export function checkMortal(resource: Resource, name: string): void {
  if (resource !== namespaces || !IMMORTAL.has(name)) return
  throw forbidden(namespaces, name, 'this namespace may not be deleted')
}
