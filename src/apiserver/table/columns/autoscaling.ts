import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerV1,
  MetricSpec,
  MetricStatus,
} from '#api/autoscaling.ts'
import { fromAutoscalingV1 } from '#api/autoscaling-conversion.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { ageColumn, type Column, integer, nameColumn, text } from '../column.ts'

const SHOWN_METRICS = 2
const UNKNOWN = '<unknown>'

/** `cpu: 12%/80%, 3/10 (avg) + 1 more...` (printers.go, formatHPAMetrics) */
function formatMetrics({ spec, status }: HorizontalPodAutoscaler): string {
  const { metrics = [] } = spec
  if (metrics.length === 0) return '<none>'
  const all = metrics.map((metric, index) => formatMetric(metric, status?.currentMetrics?.[index]))
  const shown = all.slice(0, SHOWN_METRICS).join(', ')
  return all.length > SHOWN_METRICS ? `${shown} + ${all.length - SHOWN_METRICS} more...` : shown
}

function formatMetric(metric: MetricSpec, status: MetricStatus | undefined): string {
  switch (metric.type) {
    case 'External':
    case 'Object': {
      const key = metric.type === 'External' ? 'external' : 'object'
      const target = metric[key]?.target
      const current = status?.[key]?.current
      return target?.averageValue !== undefined
        ? `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`
        : `${current?.value ?? UNKNOWN}/${target?.value ?? ''}`
    }
    case 'Pods': {
      const current = status?.pods?.current.averageValue ?? UNKNOWN
      return `${current}/${metric.pods?.target.averageValue ?? ''}`
    }
    case 'Resource':
    case 'ContainerResource': {
      const key = metric.type === 'Resource' ? 'resource' : 'containerResource'
      return `${metric[key]?.name}: ${formatUsage(metric[key]?.target, status?.[key]?.current)}`
    }
    default:
      return '<unknown type>'
  }
}

interface Usage {
  readonly averageValue?: string
  readonly averageUtilization?: number
}

function formatUsage(target: Usage | undefined, current: Usage | undefined): string {
  if (target?.averageValue !== undefined)
    return `${current?.averageValue ?? UNKNOWN}/${target.averageValue}`
  const percent = (value: number | undefined, otherwise: string) =>
    value === undefined ? otherwise : `${value}%`
  return `${percent(current?.averageUtilization, UNKNOWN)}/${percent(target?.averageUtilization, '<auto>')}`
}

export const autoscalerColumns: readonly Column<HorizontalPodAutoscaler>[] = [
  nameColumn,
  text('Reference', ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`),
  text('Targets', (object) => formatMetrics(asStored(object))),
  text('MinPods', ({ spec }) => String(spec.minReplicas ?? '<unset>')),
  text('MaxPods', ({ spec }) => String(spec.maxReplicas)),
  text('Replicas', ({ status }) => String(status?.currentReplicas ?? 0)),
  ageColumn,
]

/** Both versions print the same. */
const asStored = (object: HorizontalPodAutoscaler) =>
  object.apiVersion === 'autoscaling/v1'
    ? fromAutoscalingV1(object as unknown as HorizontalPodAutoscalerV1)
    : object

/** Of autoscaling/v1, as every scalable kind shows itself. */
interface Scale extends KubernetesObject {
  readonly spec?: { readonly replicas?: number }
  readonly status?: { readonly replicas?: number }
}

export const scaleColumns: readonly Column<Scale>[] = [
  nameColumn,
  integer('Desired', ({ spec }) => spec?.replicas ?? 0),
  integer('Available', ({ status }) => status?.replicas ?? 0),
  ageColumn,
]
