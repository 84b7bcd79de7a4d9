import type { KindSpec } from './kind-spec.ts'

/** The kinds that one server serves: those it was built with, and others that come and go while it runs. */
export interface KindRegistry {
  /** All kinds, a new array after each change: what is derived from them may be kept as long as it is the same. */
  all(): readonly KindSpec[]
  find(group: string, version: string, plural: string): KindSpec | undefined
  /** Replaces those that are not built in. One that a built-in kind already stands for is left out. */
  replaceDynamic(kinds: readonly KindSpec[]): void
}

export function createKindRegistry(builtIn: readonly KindSpec[]): KindRegistry {
  let kinds = builtIn
  let byResource = index(kinds)
  return {
    all: () => kinds,
    find: (group, version, plural) => byResource.get(`${group}/${version}/${plural}`),
    replaceDynamic(dynamic) {
      const own = index(builtIn)
      kinds = [...builtIn, ...dynamic.filter((spec) => !own.has(keyOf(spec)))]
      byResource = index(kinds)
    },
  }
}

const keyOf = ({ resource: { group, version, plural } }: KindSpec) =>
  `${group}/${version}/${plural}`
const index = (kinds: readonly KindSpec[]) => new Map(kinds.map((spec) => [keyOf(spec), spec]))
