import type { Container, PodSpec } from '../core.ts'
import { parseQuantity } from '../quantity.ts'

export type QOSClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

type Holder = Pick<Container, 'resources'>
type Amounts = Readonly<Record<string, string>>

const RESOURCES = ['cpu', 'memory'] as const

/** Source: pkg/apis/core/v1/helper/qos/qos.go; https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/ */
export function qosClassOf({ containers, initContainers = [], resources }: PodSpec): QOSClass {
  // What a pod has as a whole decides alone.
  const isWhole = Object.keys({ ...resources?.requests, ...resources?.limits }).length > 0
  const all: readonly Holder[] =
    isWhole && resources ? [{ resources }] : [...containers, ...initContainers]
  const asked = RESOURCES.map((name) => ({
    requested: sum(all, 'requests', name),
    limited: sum(all, 'limits', name),
  }))
  if (asked.every(({ requested, limited }) => requested === 0n && limited === 0n))
    return 'BestEffort'
  const isLimited = all.every((container) =>
    RESOURCES.every((name) => amountOf(container, 'limits', name) > 0n),
  )
  const isEven = asked.every(({ requested, limited }) => requested === limited)
  return isLimited && isEven ? 'Guaranteed' : 'Burstable'
}

const sum = (containers: readonly Holder[], kind: 'limits' | 'requests', name: string) =>
  containers.reduce((total, container) => total + amountOf(container, kind, name), 0n)

function amountOf({ resources = {} }: Holder, kind: 'limits' | 'requests', name: string): bigint {
  const amounts = (resources as Readonly<Record<string, Amounts | undefined>>)[kind]
  const parsed = parseQuantity(amounts?.[name] ?? '0')
  return 'error' in parsed ? 0n : parsed.nanos
}
