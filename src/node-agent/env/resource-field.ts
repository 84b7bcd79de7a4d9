import type { Pod, ResourceFieldSelector } from '#api/core.ts'
import { parseQuantity } from '#api/quantity.ts'

const NANOS = 10n ** 9n
/** The API keeps of cpu no less than a thousandth. */
const MILLI = 10n ** 6n

/**
 * What a container asks for or may use, in whole units of the divisor, rounded up. Where it has no limit, what the node
 * has is its limit. Source: kubernetes pkg/api/v1/resource/helpers.go, ExtractContainerResourceValue.
 *
 * @param own the container that asks, where the selector names none
 * @param node what the node has for its pods, by resource
 * @throws Error in the kubelet's words
 */
export function resourceOf(
  { containerName, resource, divisor }: ResourceFieldSelector,
  pod: Pod,
  node: Readonly<Record<string, string>>,
  own?: string,
): string {
  const name = containerName || own
  const container = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(
    (each) => each.name === name,
  )
  if (!container) throw new Error(`container ${name ?? ''} not found`)
  const [, kind, what = ''] = /^(limits|requests)\.(.+)$/.exec(resource) ?? []
  const known = /^(cpu|memory|ephemeral-storage|hugepages-.+)$/.test(what)
  if (!known) throw new Error(`unsupported container resource : ${resource}`)
  const held = container.resources?.[kind as 'limits' | 'requests']?.[what]
  const text = held ?? (kind === 'limits' ? node[what] : undefined) ?? '0'
  const unit = what === 'cpu' ? MILLI : NANOS
  const by = divide(nanosOf(divisor ?? '0') || NANOS, unit)
  return String(divide(divide(nanosOf(text), unit), by))
}

function nanosOf(text: string): bigint {
  const parsed = parseQuantity(text)
  return 'error' in parsed ? 0n : parsed.nanos
}

/** Rounded up; neither is below zero. */
const divide = (a: bigint, b: bigint) => (a + b - 1n) / b
