import type { Container, Pod } from '../core.ts'
import { forbidden } from '../field-error.ts'
import { pods } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { defaultPod } from './pod-defaults.ts'
import { qosClassOf } from './pod-qos.ts'
import { validatePodSpec } from './pod-spec-validation.ts'
import { validatePodChange } from './pod-update.ts'

export const pod = defineKind<Pod>({
  resource: pods,
  shortNames: ['po'],
  categories: ['all'],
  subresources: ['status', 'log', 'binding', 'eviction', 'exec', 'attach', 'portforward', 'proxy'],
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
  },
  default: defaultPod,
  prepareCreate: (object) => ({
    ...object,
    status: { phase: 'Pending', qosClass: qosClassOf(object.spec) },
  }),
  validate: ({ spec }, old) => [
    ...validatePodSpec(spec, 'spec', { inPod: true }),
    ...(old === undefined && (spec.ephemeralContainers ?? []).length > 0
      ? [forbidden('spec.ephemeralContainers', 'cannot be set on create')]
      : []),
  ],
  validateChange: validatePodChange,
  warnings: ({ spec }) => warnOfPorts(spec.containers ?? [], 'spec.containers'),
})

/** Two containers of a pod share its addresses. Source: pkg/api/pod/warnings.go. */
export function warnOfPorts(containers: readonly Container[], at: string): string[] {
  const seen = new Map<string, string>()
  return containers.flatMap(({ ports = [] }, index) =>
    ports.flatMap(({ protocol, hostIP = '', hostPort = 0, containerPort }, i) => {
      const field = `${at}[${index}].ports[${i}]`
      const key = `${protocol}/${hostIP}/${hostPort}/${containerPort}`
      const first = seen.get(key)
      if (first) return [`${field}: duplicate port definition with ${first}`]
      seen.set(key, field)
      return []
    }),
  )
}
