/**
 * Every served kind as upstream serves it. Sources: names and categories: ShortNames() and Categories() in
 * pkg/registry of each kind; subresources: the REST storage maps in pkg/registry/*\/rest/storage_*.go; columns:
 * pkg/printers/internalversion/printers.go (`*`: priority 1, wide); fields of selectors: the conversion functions of
 * pkg/apis and https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { KindSpec } from '#api/kinds/kind-spec.ts'
import { kinds } from '#api/kinds/kinds.ts'
import { findColumns } from './find-columns.ts'

interface Row {
  readonly short?: string
  readonly categories?: string
  /** All there are where absent. */
  readonly verbs?: string
  readonly subresources?: string
  readonly fields?: string
  readonly columns: string
}

const all = { categories: 'all' } as const
const created = 'Name|Created At'
const template = 'Containers*|Images*|Selector*'
const replicas = `Name|Desired|Current|Ready|Age|${template}`
const bindingColumns = 'Name|Role|Age|Users*|Groups*|ServiceAccounts*'
const event = 'Last Seen|Type|Reason|Object|Subobject*|Source*|Message|First Seen*|Count*|Name*'
const scaler = {
  ...all,
  short: 'hpa',
  subresources: 'status',
  columns: 'Name|Reference|Targets|MinPods|MaxPods|Replicas|Age',
}
const readOnly = 'get,list,watch'
/** Kinds of volumes that nothing here writes can be read only. */
const rows: Readonly<Record<string, Row>> = {
  componentstatuses: { short: 'cs', verbs: 'get,list', columns: 'Name|Status|Message|Error' },
  configmaps: { short: 'cm', columns: 'Name|Data|Age' },
  endpoints: { short: 'ep', columns: 'Name|Endpoints|Age' },
  events: {
    short: 'ev',
    fields:
      'involvedObject.apiVersion,involvedObject.fieldPath,involvedObject.kind,involvedObject.name,involvedObject.namespace,involvedObject.resourceVersion,involvedObject.uid,reason,reportingComponent,source,type',
    columns: event,
  },
  limitranges: { short: 'limits', columns: created },
  namespaces: {
    short: 'ns',
    verbs: 'create,delete,get,list,patch,update,watch',
    subresources: 'finalize,status',
    fields: 'status.phase',
    columns: 'Name|Status|Age',
  },
  nodes: {
    short: 'no',
    subresources: 'proxy,status',
    fields: 'spec.unschedulable',
    columns:
      'Name|Status|Roles|Age|Version|Internal-IP*|External-IP*|OS-Image*|Kernel-Version*|Container-Runtime*',
  },
  persistentvolumeclaims: {
    short: 'pvc',
    subresources: 'status',
    columns:
      'Name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|VolumeMode*',
  },
  persistentvolumes: {
    short: 'pv',
    subresources: 'status',
    columns:
      'Name|Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|VolumeMode*',
  },
  pods: {
    ...all,
    short: 'po',
    subresources:
      'attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status',
    fields:
      'spec.hostNetwork,spec.nodeName,spec.restartPolicy,spec.schedulerName,spec.serviceAccountName,status.nominatedNodeName,status.phase,status.podIP,status.podIPs',
    columns: 'Name|Ready|Status|Restarts|Age|IP*|Node*|Nominated Node*|Readiness Gates*',
  },
  podtemplates: { columns: 'Name|Containers|Images|Pod Labels' },
  replicationcontrollers: {
    ...all,
    short: 'rc',
    subresources: 'scale,status',
    fields: 'status.replicas',
    columns: replicas,
  },
  resourcequotas: { short: 'quota', subresources: 'status', columns: 'Name|Request|Limit|Age' },
  secrets: { fields: 'type', columns: 'Name|Type|Data|Age' },
  serviceaccounts: { short: 'sa', subresources: 'token', columns: 'Name|Secrets|Age' },
  services: {
    ...all,
    short: 'svc',
    subresources: 'proxy,status',
    fields: 'spec.clusterIP,spec.type',
    columns: 'Name|Type|Cluster-IP|External-IP|Port(s)|Age|Selector*',
  },
  'controllerrevisions.apps': { columns: 'Name|Controller|Revision|Age' },
  'daemonsets.apps': {
    ...all,
    short: 'ds',
    subresources: 'status',
    columns: `Name|Desired|Current|Ready|Up-to-date|Available|Node Selector|Age|${template}`,
  },
  'deployments.apps': {
    ...all,
    short: 'deploy',
    subresources: 'scale,status',
    columns: `Name|Ready|Up-to-date|Available|Age|${template}`,
  },
  'replicasets.apps': { ...all, short: 'rs', subresources: 'scale,status', columns: replicas },
  'statefulsets.apps': {
    ...all,
    short: 'sts',
    subresources: 'scale,status',
    columns: 'Name|Ready|Age|Containers*|Images*',
  },
  'horizontalpodautoscalers.autoscaling': scaler,
  'cronjobs.batch': {
    ...all,
    short: 'cj',
    subresources: 'status',
    columns: `Name|Schedule|Timezone|Suspend|Active|Last Schedule|Age|${template}`,
  },
  'jobs.batch': {
    ...all,
    subresources: 'status',
    fields: 'status.successful',
    columns: `Name|Status|Completions|Duration|Age|${template}`,
  },
  'customresourcedefinitions.apiextensions.k8s.io': {
    short: 'crd,crds',
    categories: 'api-extensions',
    subresources: 'status',
    columns: created,
  },
  'certificatesigningrequests.certificates.k8s.io': {
    short: 'csr',
    subresources: 'approval,status',
    fields: 'spec.signerName',
    columns: 'Name|Age|SignerName|Requestor|RequestedDuration|Condition',
  },
  'leases.coordination.k8s.io': { columns: 'Name|Holder|Age' },
  'endpointslices.discovery.k8s.io': { columns: 'Name|AddressType|Ports|Endpoints|Age' },
  'events.events.k8s.io': {
    short: 'ev',
    fields:
      'reason,regarding.apiVersion,regarding.fieldPath,regarding.kind,regarding.name,regarding.namespace,regarding.resourceVersion,regarding.uid,reportingController,type',
    columns: event,
  },
  'ingressclasses.networking.k8s.io': { columns: 'Name|Controller|Parameters|Age' },
  'ingresses.networking.k8s.io': {
    short: 'ing',
    subresources: 'status',
    columns: 'Name|Class|Hosts|Address|Ports|Age',
  },
  'clusterrolebindings.rbac.authorization.k8s.io': { columns: bindingColumns },
  'clusterroles.rbac.authorization.k8s.io': { columns: created },
  'rolebindings.rbac.authorization.k8s.io': { columns: bindingColumns },
  'roles.rbac.authorization.k8s.io': { columns: created },
  'networkpolicies.networking.k8s.io': { short: 'netpol', columns: 'Name|Pod-Selector|Age' },
  'poddisruptionbudgets.policy': {
    short: 'pdb',
    subresources: 'status',
    columns: 'Name|Min Available|Max Unavailable|Allowed Disruptions|Age',
  },
  'priorityclasses.scheduling.k8s.io': {
    short: 'pc',
    columns: 'Name|Value|Global-Default|Age|PreemptionPolicy',
  },
  'csidrivers.storage.k8s.io': {
    verbs: readOnly,
    columns:
      'Name|AttachRequired|PodInfoOnMount|StorageCapacity|TokenRequests|RequiresRepublish|Modes|Age',
  },
  'csinodes.storage.k8s.io': { verbs: readOnly, columns: 'Name|Drivers|Age' },
  'csistoragecapacities.storage.k8s.io': {
    verbs: readOnly,
    columns: 'Name|StorageClassName|Capacity',
  },
  'storageclasses.storage.k8s.io': {
    short: 'sc',
    columns: 'Name|Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age',
  },
  'volumeattachments.storage.k8s.io': {
    verbs: readOnly,
    subresources: 'status',
    columns: 'Name|Attacher|PV|Node|Attached|Age',
  },
  'ipaddresses.networking.k8s.io': {
    short: 'ip',
    fields:
      'spec.parentRef.group,spec.parentRef.name,spec.parentRef.namespace,spec.parentRef.resource',
    columns: 'Name|ParentRef|Age',
  },
  'servicecidrs.networking.k8s.io': { subresources: 'status', columns: 'Name|CIDRs|Age' },
}

/** Asked or ordered, and never shown: no columns to speak of. */
const isReview = ({ verbs = [] }: KindSpec) => verbs.length === 1 && verbs[0] === 'create'

function describe(spec: KindSpec): Row {
  const list = (key: string, values: readonly string[] = []) =>
    values.length === 0 ? {} : { [key]: values.toSorted().join(',') }
  return {
    ...list('short', spec.shortNames),
    ...list('categories', spec.categories),
    ...list('verbs', spec.verbs),
    ...list('subresources', spec.subresources),
    ...list('fields', Object.keys(spec.selectableFields ?? {})),
    columns: findColumns(spec.resource)
      .map(({ name, wide }) => (wide ? `${name}*` : name))
      .join('|'),
  }
}

suite('served as upstream serves them:', () => {
  for (const spec of kinds.filter((each) => !isReview(each))) {
    const { group, version, plural, kind } = spec.resource
    test(`${plural}.${version}.${group}`, () => {
      assert.deepEqual(describe(spec), rows[group === '' ? plural : `${plural}.${group}`])
      // Discovery: the singular is the kind in small letters, of every kind.
      assert.equal(spec.singular, kind.toLowerCase())
    })
  }
})
