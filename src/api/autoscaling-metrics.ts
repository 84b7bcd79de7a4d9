/** Metrics as autoscaling/v1 spells them in annotations. Source: k8s.io/api/autoscaling/v1 types.go. */
import type { MetricSpec, MetricStatus } from './autoscaling.ts'
import { isJSONObject, type JSONObject } from './json.ts'

/** Leaves out what is not there: the shapes below are made field by field. */
const present = (fields: Readonly<Record<string, unknown>>): JSONObject =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as unknown as JSONObject

export function toOldMetric({
  type,
  object,
  pods,
  resource,
  containerResource,
  external,
}: MetricSpec) {
  const usage = (source: { readonly target: MetricTargetLike }) => ({
    targetAverageUtilization: source.target.averageUtilization,
    targetAverageValue: source.target.averageValue,
  })
  return present({
    type,
    object:
      object &&
      present({
        target: object.describedObject,
        metricName: object.metric.name,
        targetValue: object.target.value ?? '0',
        selector: object.metric.selector,
        averageValue: object.target.averageValue,
      }),
    pods:
      pods &&
      present({
        metricName: pods.metric.name,
        targetAverageValue: pods.target.averageValue ?? '0',
        selector: pods.metric.selector,
      }),
    resource: resource && present({ name: resource.name, ...usage(resource) }),
    containerResource:
      containerResource &&
      present({
        name: containerResource.name,
        ...usage(containerResource),
        container: containerResource.container,
      }),
    external:
      external &&
      present({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        targetValue: external.target.value,
        targetAverageValue: external.target.averageValue,
      }),
  })
}

interface MetricTargetLike {
  readonly value?: string
  readonly averageValue?: string
  readonly averageUtilization?: number
}

function targetOf(value: unknown, average: unknown, utilization?: unknown) {
  const type =
    utilization !== undefined ? 'Utilization' : average !== undefined ? 'AverageValue' : 'Value'
  return present({ type, value, averageValue: average, averageUtilization: utilization })
}

const part = (metric: JSONObject, key: string) =>
  isJSONObject(metric[key]) ? (metric[key] as JSONObject) : undefined

const identifier = (name: unknown, selector: unknown) => present({ name: name ?? '', selector })

export function fromOldMetric(metric: JSONObject): MetricSpec {
  const [object, pods, resource] = ['object', 'pods', 'resource'].map((key) => part(metric, key))
  const [container, external] = ['containerResource', 'external'].map((key) => part(metric, key))
  const usage = (source: JSONObject) =>
    targetOf(undefined, source.targetAverageValue, source.targetAverageUtilization)
  return present({
    type: metric.type ?? '',
    object:
      object &&
      present({
        describedObject: object.target ?? {},
        metric: identifier(object.metricName, object.selector),
        target: targetOf(
          object.averageValue === undefined ? object.targetValue : undefined,
          object.averageValue,
        ),
      }),
    pods:
      pods &&
      present({
        metric: identifier(pods.metricName, pods.selector),
        target: targetOf(undefined, pods.targetAverageValue ?? '0'),
      }),
    resource: resource && present({ name: resource.name ?? '', target: usage(resource) }),
    containerResource:
      container &&
      present({
        name: container.name ?? '',
        container: container.container ?? '',
        target: usage(container),
      }),
    external:
      external &&
      present({
        metric: identifier(external.metricName, external.metricSelector),
        target: targetOf(external.targetValue, external.targetAverageValue),
      }),
  }) as unknown as MetricSpec // the kind's validation sees what is missing
}

export function toOldStatus(status: MetricStatus): JSONObject {
  const { type, object, pods, resource, containerResource, external } = status
  const usage = (source: { readonly current: MetricTargetLike }) => ({
    currentAverageUtilization: source.current.averageUtilization,
    currentAverageValue: source.current.averageValue ?? '0',
  })
  return present({
    type,
    object:
      object &&
      present({
        target: object.describedObject,
        metricName: object.metric.name,
        currentValue: object.current.value ?? '0',
        selector: object.metric.selector,
        averageValue: object.current.averageValue,
      }),
    pods:
      pods &&
      present({
        metricName: pods.metric.name,
        currentAverageValue: pods.current.averageValue ?? '0',
        selector: pods.metric.selector,
      }),
    resource: resource && present({ name: resource.name, ...usage(resource) }),
    containerResource:
      containerResource &&
      present({
        name: containerResource.name,
        ...usage(containerResource),
        container: containerResource.container,
      }),
    external:
      external &&
      present({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        currentValue: external.current.value ?? '0',
        currentAverageValue: external.current.averageValue,
      }),
  })
}

export function fromOldStatus(status: JSONObject): MetricStatus {
  const [object, pods, resource] = ['object', 'pods', 'resource'].map((key) => part(status, key))
  const [container, external] = ['containerResource', 'external'].map((key) => part(status, key))
  const usage = (source: JSONObject) =>
    present({
      averageUtilization: source.currentAverageUtilization,
      averageValue: source.currentAverageValue,
    })
  return present({
    type: status.type ?? '',
    object:
      object &&
      present({
        describedObject: object.target ?? {},
        metric: identifier(object.metricName, object.selector),
        current: present({ value: object.currentValue, averageValue: object.averageValue }),
      }),
    pods:
      pods &&
      present({
        metric: identifier(pods.metricName, pods.selector),
        current: present({ averageValue: pods.currentAverageValue }),
      }),
    resource: resource && present({ name: resource.name ?? '', current: usage(resource) }),
    containerResource:
      container &&
      present({
        name: container.name ?? '',
        container: container.container ?? '',
        current: usage(container),
      }),
    external:
      external &&
      present({
        metric: identifier(external.metricName, external.metricSelector),
        current: present({
          value: external.currentValue,
          averageValue: external.currentAverageValue,
        }),
      }),
  }) as unknown as MetricStatus // read back from what toOldStatus() wrote
}
