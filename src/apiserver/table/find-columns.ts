import type { KubernetesObject } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import { ageColumn, type Column, nameColumn } from './column.ts'
import { deploymentColumns, replicaSetColumns } from './columns/apps.ts'
import { configMapColumns, secretColumns, serviceAccountColumns } from './columns/configuration.ts'
import { endpointSliceColumns, endpointsColumns } from './columns/endpoints.ts'
import { eventColumns, eventsEventColumns } from './columns/event.ts'
import { ingressClassColumns, ingressColumns } from './columns/ingress.ts'
import { leaseColumns } from './columns/lease.ts'
import { namespaceColumns } from './columns/namespace.ts'
import { nodeColumns } from './columns/node.ts'
import { podColumns } from './columns/pod.ts'
import { serviceColumns } from './columns/service.ts'

const columnsByResource: Readonly<Record<string, readonly Column<never>[]>> = {
  '/configmaps': configMapColumns,
  '/endpoints': endpointsColumns,
  '/events': eventColumns,
  '/namespaces': namespaceColumns,
  '/nodes': nodeColumns,
  '/pods': podColumns,
  '/secrets': secretColumns,
  '/serviceaccounts': serviceAccountColumns,
  '/services': serviceColumns,
  'apps/deployments': deploymentColumns,
  'apps/replicasets': replicaSetColumns,
  'coordination.k8s.io/leases': leaseColumns,
  'discovery.k8s.io/endpointslices': endpointSliceColumns,
  'events.k8s.io/events': eventsEventColumns,
  'networking.k8s.io/ingressclasses': ingressClassColumns,
  'networking.k8s.io/ingresses': ingressColumns,
}

/** The columns that upstream prints for a resource (pkg/printers/internalversion/printers.go). */
export function findColumns({ group, plural }: Resource): readonly Column<KubernetesObject>[] {
  const found = columnsByResource[`${group}/${plural}`]
  // Each table was written for its own kind, and objects passed checkFields() as that kind.
  return (found as readonly Column<KubernetesObject>[] | undefined) ?? [nameColumn, ageColumn]
}
