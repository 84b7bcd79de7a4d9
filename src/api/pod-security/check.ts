import type { Container, Pod, SecurityContext } from '../core.ts'

/** What is judged of a pod, or of the template of one. */
export type PodLike = Pick<Pod, 'spec'> & {
  readonly metadata?: Pick<Pod['metadata'], 'annotations'>
}

export interface Violation {
  /** In few words, as a namespace's warnings list them. */
  readonly reason: string
  /** What exactly, as the refusal of a pod says it. */
  readonly detail: string
}

/** One rule of a level. Source: k8s.io/pod-security-admission v0.36 policy/check_*.go. */
export interface Check {
  readonly id: string
  /** The minor version of Kubernetes in which the rule came. */
  readonly since: number
  /** Rules of the lower level that it takes the place of. */
  readonly overrides?: string
  /** @param minor The version of the rules that the namespace asks for; Infinity for the latest */
  readonly judge: (pod: PodLike, minor: number) => Violation | undefined
}

/** What every container has of what is judged; ephemeral ones have neither ports nor probes. */
export type AnyContainer = Pick<Container, 'name' | 'securityContext'> &
  Partial<
    Pick<Container, 'ports' | 'livenessProbe' | 'readinessProbe' | 'startupProbe' | 'lifecycle'>
  >

export const containersOf = ({ spec }: PodLike): readonly AnyContainer[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
  ...(spec.ephemeralContainers ?? []),
]

/** The names of the containers whose security context is as it must not be. */
export const containersWhere = (
  pod: PodLike,
  isBad: (context: SecurityContext | undefined) => boolean,
): readonly string[] =>
  containersOf(pod).flatMap(({ name, securityContext }) => (isBad(securityContext) ? [name] : []))

/** `"a", "b"`, without escapes. */
export const quoted = (names: readonly string[]): string =>
  names.map((name) => `"${name}"`).join(', ')

export const plural = (one: string, count: number, many = `${one}s`): string =>
  count === 1 ? one : many

/** `containers "a", "b"`. */
export const named = (what: string, names: readonly string[]): string =>
  `${plural(what, names.length)} ${quoted(names)}`

/** Who sets something: `pod and container "a"`. */
export const setters = (isPod: boolean, containers: readonly string[], more = ''): string =>
  [
    ...(isPod ? ['pod'] : []),
    ...(containers.length > 0 ? [named('container', containers)] : []),
    ...(more === '' ? [] : [more]),
  ].join(' and ')

/** Each once, in order. */
export const sortedSet = (values: readonly string[]): readonly string[] =>
  [...new Set(values)].toSorted()

export const isWindows = ({ spec }: PodLike): boolean => spec.os?.name === 'windows'

/** A pod in a user namespace is nobody on its node, whatever it is inside. */
export const isInUserNamespace = ({ spec }: PodLike): boolean => spec.hostUsers === false
