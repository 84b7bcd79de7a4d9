import type { Pod } from '#api/core.ts'
import { badRequest } from '#api/status.ts'

/** The container that a request means. Source: pkg/registry/core/pod/strategy.go, validateContainer(). @throws StatusError 400 */
export function chooseContainer({ metadata: { name }, spec }: Pod, wanted: string): string {
  const all = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ].map((container) => container.name)
  if (wanted !== '') {
    if (all.includes(wanted)) return wanted
    throw badRequest(`container ${wanted} is not valid for pod ${name}`)
  }
  if (spec.containers.length === 1) return spec.containers[0]!.name
  const choice = spec.containers.length === 0 ? '' : `, choose one of: [${all.join(' ')}]`
  throw badRequest(`a container name must be specified for pod ${name}${choice}`)
}
