import type { KubernetesObject } from '#api/meta.ts'

/** The name of the class that an annotation makes the default one: of several the newest, then the first by name. */
export function chooseDefault(
  classes: readonly KubernetesObject[],
  annotations: readonly string[],
): string | undefined {
  const [first] = classes
    .filter(({ metadata }) => annotations.some((key) => metadata.annotations?.[key] === 'true'))
    .map(({ metadata: { name, creationTimestamp = '' } }) => ({ name, creationTimestamp }))
    .toSorted(
      (a, b) => compare(b.creationTimestamp, a.creationTimestamp) || compare(a.name, b.name),
    )
  return first?.name
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
