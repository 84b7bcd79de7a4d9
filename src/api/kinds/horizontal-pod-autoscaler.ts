import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HorizontalPodAutoscalerV1,
  HPAScalingRules,
  MetricSpec,
} from '../autoscaling.ts'
import { fromAutoscalingV1, toAutoscalingV1 } from '../autoscaling-conversion.ts'
import { horizontalPodAutoscalers, horizontalPodAutoscalersV1 } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { validateCounts } from './deployment.ts'
import { validateAutoscalerSpec } from './horizontal-pod-autoscaler-validation.ts'

const traits = {
  singular: 'horizontalpodautoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  subresources: ['status'],
  nameRule: isDNS1123Subdomain,
  warnings: () => [
    'HorizontalPodAutoscaler: stored, but not enforced: this cluster measures no pods, and so scales nothing',
  ],
} as const

// Source: autoscaling/v2/defaults.go, autoscaling/validation and registry/autoscaling/horizontalpodautoscaler.
export const horizontalPodAutoscaler = defineKind<HorizontalPodAutoscaler>({
  ...traits,
  resource: horizontalPodAutoscalers,
  default: (object) => ({ ...object, spec: defaultSpec(object.spec) }),
  prepareCreate: (object) => ({ ...object, status: { currentReplicas: 0, desiredReplicas: 0 } }),
  validate: ({ spec }) => validateAutoscalerSpec(spec),
  validateStatus: ({ status }) => validateStatus(status),
})

/** The older version of the same objects; its rules are those of the newer one. */
export const horizontalPodAutoscalerV1 = defineKind<HorizontalPodAutoscalerV1>({
  ...traits,
  resource: {
    ...horizontalPodAutoscalersV1,
    conversion: {
      stored: horizontalPodAutoscalers,
      toStored: (object) => fromAutoscalingV1(object as HorizontalPodAutoscalerV1),
      fromStored: (object) => toAutoscalingV1(object as HorizontalPodAutoscaler),
    },
  },
  prepareCreate: (object) => ({ ...object, status: { currentReplicas: 0, desiredReplicas: 0 } }),
  validate: (object) => validateAutoscalerSpec(fromAutoscalingV1(object).spec),
  validateStatus: ({ status }) => validateStatus(status),
})

const validateStatus = (status: object | undefined) =>
  validateCounts(status ?? {}, ['currentReplicas', 'desiredReplicas'])

/** Half of all clusters scale by this alone. */
const CPU: MetricSpec = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
}

function defaultSpec(spec: HorizontalPodAutoscalerSpec): HorizontalPodAutoscalerSpec {
  const { metrics = [], behavior } = spec ?? {}
  return {
    ...spec,
    metrics: metrics.length > 0 ? metrics : [CPU],
    ...(behavior
      ? {
          behavior: {
            scaleUp: { ...SCALE_UP, ...behavior.scaleUp },
            scaleDown: { ...SCALE_DOWN, ...behavior.scaleDown },
          },
        }
      : {}),
  }
}

const SCALE_UP: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
}

const SCALE_DOWN: HPAScalingRules = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
}
