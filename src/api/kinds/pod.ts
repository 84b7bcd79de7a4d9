import type { Pod } from '../core.ts'
import { type FieldError, forbidden } from '../field-error.ts'
import { pods } from '../resources.ts'
import { warnOfIP } from '../validation/ip-rules.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { checkImageSpaces } from './container-validation.ts'
import { defineKind } from './define-kind.ts'
import {
  matchAnnotationsAndFields,
  validatePodAnnotationChange,
  validatePodAnnotations,
} from './pod-annotations.ts'
import { defaultPod } from './pod-defaults.ts'
import { qosClassOf } from './pod-qos.ts'
import { validatePodSpec } from './pod-spec-validation.ts'
import { validatePodStatus } from './pod-status-validation.ts'
import { validatePodChange } from './pod-update.ts'
import { warnOfPodSpec } from './pod-warnings.ts'

export const pod = defineKind<Pod>({
  resource: pods,
  shortNames: ['po'],
  categories: ['all'],
  subresources: [
    'status',
    'log',
    'binding',
    'eviction',
    'exec',
    'attach',
    'portforward',
    'proxy',
    'ephemeralcontainers',
    'resize',
  ],
  nameRule: isDNS1123Subdomain,
  generationOf: ['spec'],
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIP ?? '',
    'status.podIPs': ({ status }) => status?.podIPs?.[0]?.ip ?? '',
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },
  default: defaultPod,
  prepareCreate: (object) => ({ ...object, status: { phase: 'Pending', ...gatedStatus(object) } }),
  completeCreate: (object) => ({
    ...object,
    status: { ...object.status, qosClass: qosClassOf(object.spec) },
  }),
  // kubernetes pkg/registry/core/pod/strategy.go: old kubelets forgot it.
  prepareStatusUpdate: (object, old) => {
    const qosClass = object.status?.qosClass || old.status?.qosClass
    return qosClass === undefined ? object : { ...object, status: { ...object.status, qosClass } }
  },
  validate: validatePod,
  validateStatus: validatePodStatus,
  // registry/core/pod/strategy.go, podStatusStrategy
  statusWarnings: ({ status = {} }) =>
    (['podIPs', 'hostIPs'] as const).flatMap((key) =>
      (status[key] ?? []).flatMap(({ ip = '' }, i) => warnOfIP(ip, `status.${key}[${i}].ip`)),
    ),
  warnings: ({ metadata, spec }, old) => (old ? [] : warnOfPodSpec(spec, metadata)),
})

/** Source: registry/core/pod/strategy.go, applySchedulingGatedCondition. */
const gatedStatus = ({ spec }: Pod): Pod['status'] =>
  (spec.schedulingGates ?? []).length === 0
    ? {}
    : {
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'SchedulingGated',
            message: 'Scheduling is blocked due to non-empty scheduling gates',
          },
        ],
      }

/** Source: core/validation v1.36, validatePodMetadataAndSpec and ValidatePodCreate. */
function validatePod(pod: Pod, old?: Pod): FieldError[] {
  const { metadata, spec } = pod
  const { nodeName, schedulingGates = [], ephemeralContainers = [] } = spec
  const gated = 'cannot be set until all schedulingGates have been cleared'
  const isNew = old === undefined
  return [
    ...validatePodAnnotations(pod, old),
    ...validatePodSpec(spec, 'spec', { inPod: true, podName: metadata.name }),
    ...checkTokens(spec),
    ...(['containers', 'initContainers'] as const).flatMap((key) =>
      (spec[key] ?? []).flatMap((container, i) => checkImageSpaces(container, `spec.${key}[${i}]`)),
    ),
    ...(isNew && ephemeralContainers.length > 0
      ? [forbidden('spec.ephemeralContainers', 'cannot be set on create')]
      : []),
    ...(isNew && nodeName && schedulingGates.length > 0 ? [forbidden('spec.nodeName', gated)] : []),
    ...(old
      ? [...validatePodAnnotationChange(pod, old), ...validatePodChange(pod, old)]
      : matchAnnotationsAndFields(pod)),
  ]
}

/** A token is one of the pod's account. */
function checkTokens({ serviceAccountName, volumes = [] }: Pod['spec']): FieldError[] {
  if (serviceAccountName) return []
  const detail = 'must not be specified when serviceAccountName is not set'
  return volumes.flatMap(({ projected }, i) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }, j) =>
      serviceAccountToken
        ? [forbidden(`spec.volumes[${i}].projected.sources[${j}].serviceAccountToken`, detail)]
        : [],
    ),
  )
}
