import type { Container, PodSpec } from '../core.ts'
import { isHugePages } from '../kinds/resource-name-validation.ts'
import { type Amounts, add, greatest, parseAmounts, pick } from './amounts.ts'

type What = 'requests' | 'limits'

/**
 * What a pod's containers ask for together, or may use at most. Init containers run one after another, sidecars beside
 * all that follows; what the pod asks for as a whole wins. Source: component-helpers resource/helpers.go, PodRequests and PodLimits.
 */
export function podAmounts(spec: PodSpec, what: What): Amounts {
  const own = ({ resources }: Container) => parseAmounts(resources?.[what])
  let running = spec.containers.map(own).reduce(add, {})
  let sidecars: Amounts = {}
  let starting: Amounts = {}
  for (const container of spec.initContainers ?? []) {
    const amounts = own(container)
    if (container.restartPolicy === 'Always') {
      running = add(running, amounts)
      sidecars = add(sidecars, amounts)
      starting = greatest(starting, sidecars)
    } else starting = greatest(starting, add(sidecars, amounts))
  }
  const ofContainers = greatest(running, starting)
  const ofPod = parseAmounts(spec.resources?.[what])
  const names = Object.keys(ofPod).filter(
    (name) => name === 'cpu' || name === 'memory' || isHugePages(name),
  )
  const asked = { ...ofContainers, ...pick(ofPod, names) }
  const overhead = parseAmounts(spec.overhead)
  // A limit that is not there does not come into being by overhead.
  return add(asked, what === 'limits' ? pick(overhead, Object.keys(asked)) : overhead)
}
