import type { ServedResource } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { ageColumn, type Column, createdColumn, nameColumn } from './column.ts'
import { ipAddressColumns, serviceCIDRColumns } from './columns/address-ranges.ts'
import {
  controllerRevisionColumns,
  daemonSetColumns,
  deploymentColumns,
  replicaSetColumns,
  statefulSetColumns,
} from './columns/apps.ts'
import { autoscalerColumns, scaleColumns } from './columns/autoscaling.ts'
import { cronJobColumns, jobColumns } from './columns/batch.ts'
import { certificateSigningRequestColumns } from './columns/certificate-signing-request.ts'
import { configMapColumns, secretColumns, serviceAccountColumns } from './columns/configuration.ts'
import { customColumns } from './columns/custom-resource.ts'
import { endpointSliceColumns, endpointsColumns } from './columns/endpoints.ts'
import { eventColumns, eventsEventColumns } from './columns/event.ts'
import { ingressClassColumns, ingressColumns } from './columns/ingress.ts'
import { leaseColumns } from './columns/lease.ts'
import { limitRangeColumns, resourceQuotaColumns } from './columns/limits.ts'
import { namespaceColumns } from './columns/namespace.ts'
import { nodeColumns } from './columns/node.ts'
import { podColumns } from './columns/pod.ts'
import { podTemplateColumns, replicationControllerColumns } from './columns/pod-template.ts'
import {
  networkPolicyColumns,
  podDisruptionBudgetColumns,
  priorityClassColumns,
} from './columns/policy.ts'
import { bindingColumns, roleColumns } from './columns/rbac.ts'
import { serviceColumns } from './columns/service.ts'
import {
  componentStatusColumns,
  csiDriverColumns,
  csiNodeColumns,
  csiStorageCapacityColumns,
  storageClassColumns,
  volumeAttachmentColumns,
} from './columns/storage.ts'
import { persistentVolumeClaimColumns, persistentVolumeColumns } from './columns/volumes.ts'

const columnsByResource: Readonly<Record<string, readonly Column<never>[]>> = {
  '/componentstatuses': componentStatusColumns,
  '/configmaps': configMapColumns,
  '/endpoints': endpointsColumns,
  '/events': eventColumns,
  '/limitranges': limitRangeColumns,
  '/namespaces': namespaceColumns,
  '/nodes': nodeColumns,
  '/persistentvolumeclaims': persistentVolumeClaimColumns,
  '/persistentvolumes': persistentVolumeColumns,
  '/pods': podColumns,
  '/podtemplates': podTemplateColumns,
  '/replicationcontrollers': replicationControllerColumns,
  '/resourcequotas': resourceQuotaColumns,
  '/secrets': secretColumns,
  '/serviceaccounts': serviceAccountColumns,
  '/services': serviceColumns,
  'apiextensions.k8s.io/customresourcedefinitions': [nameColumn, createdColumn],
  'apps/controllerrevisions': controllerRevisionColumns,
  'apps/daemonsets': daemonSetColumns,
  'apps/deployments': deploymentColumns,
  'apps/replicasets': replicaSetColumns,
  'apps/statefulsets': statefulSetColumns,
  'autoscaling/horizontalpodautoscalers': autoscalerColumns,
  'autoscaling/scales': scaleColumns,
  'batch/cronjobs': cronJobColumns,
  'batch/jobs': jobColumns,
  'certificates.k8s.io/certificatesigningrequests': certificateSigningRequestColumns,
  'coordination.k8s.io/leases': leaseColumns,
  'discovery.k8s.io/endpointslices': endpointSliceColumns,
  'events.k8s.io/events': eventsEventColumns,
  'networking.k8s.io/ingressclasses': ingressClassColumns,
  'networking.k8s.io/ingresses': ingressColumns,
  'rbac.authorization.k8s.io/clusterrolebindings': bindingColumns,
  'rbac.authorization.k8s.io/clusterroles': roleColumns,
  'rbac.authorization.k8s.io/rolebindings': bindingColumns,
  'rbac.authorization.k8s.io/roles': roleColumns,
  'networking.k8s.io/networkpolicies': networkPolicyColumns,
  'policy/poddisruptionbudgets': podDisruptionBudgetColumns,
  'scheduling.k8s.io/priorityclasses': priorityClassColumns,
  'storage.k8s.io/csidrivers': csiDriverColumns,
  'storage.k8s.io/csinodes': csiNodeColumns,
  'storage.k8s.io/csistoragecapacities': csiStorageCapacityColumns,
  'storage.k8s.io/storageclasses': storageClassColumns,
  'storage.k8s.io/volumeattachments': volumeAttachmentColumns,
  'networking.k8s.io/ipaddresses': ipAddressColumns,
  'networking.k8s.io/servicecidrs': serviceCIDRColumns,
}

const plainColumns = [nameColumn, ageColumn]

/** The columns that upstream prints for a resource (pkg/printers/internalversion/printers.go). */
export function findColumns({
  group,
  plural,
  custom,
}: ServedResource): readonly Column<KubernetesObject>[] {
  if (custom) return customColumns(custom)
  const found = columnsByResource[`${group}/${plural}`]
  // Each table was written for its own kind, and objects passed checkFields() as that kind.
  return (found as readonly Column<KubernetesObject>[] | undefined) ?? plainColumns
}
