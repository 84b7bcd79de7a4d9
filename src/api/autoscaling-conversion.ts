/**
 * HorizontalPodAutoscalers between their two versions: what the older one has no field for travels in annotations.
 * Source: pkg/apis/autoscaling/v1/conversion.go, k8s.io/api/autoscaling/v1 types.go.
 */
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HorizontalPodAutoscalerV1,
  MetricSpec,
} from './autoscaling.ts'
import { fromOldMetric, fromOldStatus, toOldMetric, toOldStatus } from './autoscaling-metrics.ts'
import { isJSONObject, type JSONObject } from './json.ts'

const METRICS = 'autoscaling.alpha.kubernetes.io/metrics'
const CURRENT_METRICS = 'autoscaling.alpha.kubernetes.io/current-metrics'
const CONDITIONS = 'autoscaling.alpha.kubernetes.io/conditions'
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior'
const DEFAULT_CPU = 80

const isCPU = (metric: { readonly type: string; readonly resource?: { readonly name: string } }) =>
  metric.type === 'Resource' && metric.resource?.name === 'cpu'

const cpuMetric = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
})

export function toAutoscalingV1(object: HorizontalPodAutoscaler): HorizontalPodAutoscalerV1 {
  const { metadata, spec, status } = object
  const { metrics = [], behavior, scaleTargetRef, minReplicas, maxReplicas } = spec
  const cpu = metrics.find(
    (metric) => isCPU(metric) && metric.resource?.target.averageUtilization !== undefined,
  )
  const others = metrics.filter((metric) => metric !== cpu)
  const { currentMetrics: metered, conditions = [], ...counts } = status ?? { desiredReplicas: 0 }
  const currentMetrics = metered ?? []
  const current = currentMetrics.find(
    (metric) => isCPU(metric) && metric.resource?.current.averageUtilization !== undefined,
  )
  const added = {
    ...(others.length > 0 ? { [METRICS]: JSON.stringify(others.map(toOldMetric)) } : {}),
    ...(currentMetrics.length > 0
      ? { [CURRENT_METRICS]: JSON.stringify(currentMetrics.map(toOldStatus)) }
      : {}),
    ...(conditions.length > 0 ? { [CONDITIONS]: JSON.stringify(conditions) } : {}),
    ...(behavior ? { [BEHAVIOR]: JSON.stringify(behavior) } : {}),
  }
  const target = cpu?.resource?.target.averageUtilization
  const measured = current?.resource?.current.averageUtilization
  return {
    kind: 'HorizontalPodAutoscaler',
    apiVersion: 'autoscaling/v1',
    metadata:
      Object.keys(added).length > 0
        ? { ...metadata, annotations: { ...metadata.annotations, ...added } }
        : metadata,
    spec: {
      scaleTargetRef,
      ...(minReplicas === undefined ? {} : { minReplicas }),
      maxReplicas,
      ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }),
    },
    ...(status
      ? {
          status: {
            ...counts,
            currentReplicas: counts.currentReplicas ?? 0,
            ...(measured === undefined ? {} : { currentCPUUtilizationPercentage: measured }),
          },
        }
      : {}),
  }
}

export function fromAutoscalingV1(object: HorizontalPodAutoscalerV1): HorizontalPodAutoscaler {
  const {
    [METRICS]: metrics,
    [CURRENT_METRICS]: currentMetrics,
    [CONDITIONS]: conditions,
    [BEHAVIOR]: behavior,
    ...annotations
  } = object.metadata.annotations ?? {}
  const { annotations: _, ...metadata } = object.metadata
  const { targetCPUUtilizationPercentage: cpu, ...spec } = object.spec ?? {}
  const { currentCPUUtilizationPercentage: _current, ...counts } = object.status ?? {}
  const others = parseList(metrics).map(fromOldMetric)
  const own = cpu === undefined ? [] : [cpuMetric(cpu)]
  const all = [...others, ...own]
  const rules = parse(behavior)
  const current = parseList(currentMetrics).map(fromOldStatus)
  const wanted: HorizontalPodAutoscalerSpec = {
    ...spec,
    metrics: all.length > 0 ? all : [cpuMetric(DEFAULT_CPU)],
    ...(isJSONObject(rules)
      ? { behavior: rules as NonNullable<HorizontalPodAutoscalerSpec['behavior']> }
      : {}),
  }
  return {
    kind: 'HorizontalPodAutoscaler',
    apiVersion: 'autoscaling/v2',
    metadata: Object.keys(annotations).length > 0 ? { ...metadata, annotations } : metadata,
    spec: wanted,
    ...(object.status
      ? {
          status: {
            currentReplicas: 0,
            desiredReplicas: 0,
            ...counts,
            ...(current.length > 0 ? { currentMetrics: current } : {}),
            ...(conditions === undefined ? {} : { conditions: parseList(conditions) as never }),
          },
        }
      : {}),
  }
}

function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined // upstream drops what it cannot read, too
  }
}

function parseList(text: string | undefined): readonly JSONObject[] {
  const value = parse(text)
  return Array.isArray(value) ? value.filter(isJSONObject) : []
}
