/** Rules of autoscaling/v2. Source: autoscaling/validation v1.36. */
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '../autoscaling.ts'
import { type FieldError, forbidden, invalid, notSupported, required } from '../field-error.ts'
import { checkName, isDNS1123Label, isPathSegmentName } from '../validation/names.ts'
import { nanosOf, validateNonNegativeQuantity } from './quantity-validation.ts'

const MAX_PERIOD = 1800
const MAX_WINDOW = 3600
const METRIC_TYPES = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource']

export function validateAutoscalerSpec(spec: HorizontalPodAutoscalerSpec): FieldError[] {
  const { minReplicas, maxReplicas = 0, metrics = [], behavior, scaleTargetRef } = spec ?? {}
  const at = 'spec.maxReplicas'
  return [
    ...(minReplicas !== undefined && minReplicas < 1
      ? [invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1')]
      : []),
    ...(maxReplicas === 0 ? [required(at, 'must be set and greater than 0')] : []),
    ...(maxReplicas < 0 ? [invalid(at, maxReplicas, 'must be greater than or equal to 1')] : []),
    ...(minReplicas !== undefined && maxReplicas < minReplicas
      ? [invalid(at, maxReplicas, 'must be greater than or equal to `minReplicas`')]
      : []),
    ...validateReference(scaleTargetRef, 'spec.scaleTargetRef'),
    ...metrics.flatMap((metric, index) => validateMetric(metric, `spec.metrics[${index}]`)),
    ...(minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')
      ? [
          forbidden(
            'spec.metrics',
            'must specify at least one Object or External metric to support scaling to zero replicas',
          ),
        ]
      : []),
    ...validateRules(behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...validateRules(behavior?.scaleDown, 'spec.behavior.scaleDown'),
  ]
}

function validateReference(
  reference: CrossVersionObjectReference | undefined,
  at: string,
): FieldError[] {
  const { kind = '', name = '' } = reference ?? {}
  const segment = (value: string, field: string) =>
    value === '' ? [required(field)] : checkName(isPathSegmentName, value, field)
  return [...segment(kind, `${at}.kind`), ...segment(name, `${at}.name`)]
}

function validateRules(rules: HPAScalingRules | undefined, at: string): FieldError[] {
  if (!rules) return []
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules
  const selections = ['Disabled', 'Max', 'Min']
  const field = `${at}.stabilizationWindowSeconds`
  return [
    ...(window !== undefined && window < 0
      ? [invalid(field, window, 'must be greater than or equal to zero')]
      : []),
    ...(window !== undefined && window > MAX_WINDOW
      ? [invalid(field, window, `must be less than or equal to ${MAX_WINDOW}`)]
      : []),
    ...(selectPolicy === undefined || selections.includes(selectPolicy)
      ? []
      : [notSupported(`${at}.selectPolicy`, selectPolicy, selections)]),
    ...(policies.length === 0
      ? [required(`${at}.policies`, 'must specify at least one Policy')]
      : []),
    ...policies.flatMap((policy, index) => validatePolicy(policy, `${at}.policies[${index}]`)),
    ...(tolerance === undefined ? [] : validateNonNegativeQuantity(tolerance, `${at}.tolerance`)),
  ]
}

function validatePolicy(policy: NonNullable<HPAScalingRules['policies']>[number], at: string) {
  const { type = '', value = 0, periodSeconds = 0 } = policy
  const types = ['Percent', 'Pods']
  return [
    ...(types.includes(type) ? [] : [notSupported(`${at}.type`, type, types)]),
    ...(value <= 0 ? [invalid(`${at}.value`, value, 'must be greater than zero')] : []),
    ...(periodSeconds <= 0
      ? [invalid(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero')]
      : []),
    ...(periodSeconds > MAX_PERIOD
      ? [
          invalid(
            `${at}.periodSeconds`,
            periodSeconds,
            `must be less than or equal to ${MAX_PERIOD}`,
          ),
        ]
      : []),
  ]
}

/** The sources in upstream's order, which decides whose errors are told where there are several. */
const SOURCES = ['object', 'external', 'pods', 'resource', 'containerResource'] as const
type Source = (typeof SOURCES)[number]

function validateMetric(metric: MetricSpec, at: string): FieldError[] {
  const { type = '' } = metric
  const present = SOURCES.filter((key) => metric[key])
  const expected = SOURCES.find((key) => key.toLowerCase() === type.toLowerCase())
  const unknown = METRIC_TYPES.includes(type)
    ? []
    : [notSupported(`${at}.type`, type, METRIC_TYPES)]
  return [
    ...(type === '' ? [required(`${at}.type`, 'must specify a metric source type')] : []),
    ...unknown,
    ...(present[0] ? validateSource(metric, present[0], `${at}.${present[0]}`) : []),
    ...(unknown.length === 0 && expected && !metric[expected]
      ? [required(`${at}.${expected}`, 'must populate information for the given metric source')]
      : []),
    ...unknown,
    ...(present.length === 1
      ? []
      : present
          .filter((key) => key !== expected)
          .map((key) => forbidden(`${at}.${key}`, 'must populate the given metric source only'))),
  ]
}

function validateSource(metric: MetricSpec, key: Source, at: string): FieldError[] {
  const target: Partial<MetricTarget> = metric[key]?.target ?? {}
  const { value, averageValue, averageUtilization } = target
  switch (key) {
    case 'object':
      return [
        ...validateReference(metric.object?.describedObject, `${at}.describedObject`),
        ...validateIdentifier(metric.object?.metric, `${at}.metric`),
        ...validateTarget(target, `${at}.target`),
        ...(value === undefined && averageValue === undefined
          ? [
              required(
                `${at}.target.averageValue`,
                'must set either a target value or averageValue',
              ),
            ]
          : []),
      ]
    case 'external':
      return [
        ...validateIdentifier(metric.external?.metric, `${at}.metric`),
        ...validateTarget(target, `${at}.target`),
        ...validateExternal(target, `${at}.target`),
      ]
    case 'pods':
      return [
        ...validateIdentifier(metric.pods?.metric, `${at}.metric`),
        ...validateTarget(target, `${at}.target`),
        ...(averageValue === undefined
          ? [required(`${at}.target.averageValue`, 'must specify a positive target averageValue')]
          : []),
      ]
    default: {
      const { name = '' } = metric[key] ?? {}
      const { container = '' } = metric.containerResource ?? {}
      return [
        ...(name === '' ? [required(`${at}.name`, 'must specify a resource name')] : []),
        ...(key === 'resource'
          ? []
          : container === ''
            ? [required(`${at}.container`, 'must specify a container')]
            : checkName(isDNS1123Label, container, `${at}.container`)),
        ...validateTarget(target, `${at}.target`),
        ...(averageUtilization === undefined && averageValue === undefined
          ? [
              required(
                `${at}.target.averageUtilization`,
                'must set either a target raw value or a target utilization',
              ),
            ]
          : []),
        ...(averageUtilization !== undefined && averageValue !== undefined
          ? [
              forbidden(
                `${at}.target.averageValue`,
                'may not set both a target raw value and a target utilization',
              ),
            ]
          : []),
      ]
    }
  }
}

function validateExternal({ value, averageValue }: Partial<MetricTarget>, at: string) {
  if (value === undefined && averageValue === undefined) {
    const detail = 'must set either a target value for metric or a per-pod target'
    return [required(`${at}.averageValue`, detail)]
  }
  if (value === undefined || averageValue === undefined) return []
  const detail = 'may not set both a target value for metric and a per-pod target'
  return [forbidden(`${at}.value`, detail)]
}

function validateTarget(target: Partial<MetricTarget>, at: string): FieldError[] {
  const { type = '', value, averageValue, averageUtilization } = target
  const positive = (key: string, quantity: string | undefined) =>
    quantity === undefined || nanosOf(quantity) > 0n
      ? []
      : [invalid(`${at}.${key}`, quantity, 'must be positive')]
  return [
    ...(type === '' ? [required(`${at}.type`, 'must specify a metric target type')] : []),
    ...(/^(Utilization|Value|AverageValue)$/.test(type)
      ? []
      : [invalid(`${at}.type`, type, 'must be either Utilization, Value, or AverageValue')]),
    ...positive('value', value),
    ...positive('averageValue', averageValue),
    ...(averageUtilization !== undefined && averageUtilization < 1
      ? [invalid(`${at}.averageUtilization`, averageUtilization, 'must be greater than 0')]
      : []),
  ]
}

function validateIdentifier(metric: MetricIdentifier | undefined, at: string): FieldError[] {
  const { name = '' } = metric ?? {}
  return name === ''
    ? [required(`${at}.name`, 'must specify a metric name')]
    : checkName(isPathSegmentName, name, `${at}.name`)
}
