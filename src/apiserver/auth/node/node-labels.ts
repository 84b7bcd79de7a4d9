/** Labels below kubernetes.io and k8s.io that a node's agent may give its Node: k8s.io/kubelet/pkg/apis/well_known_labels.go. */
const ALLOWED: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
])

const ALLOWED_PREFIXES = ['kubelet.kubernetes.io', 'node.kubernetes.io']
const RESERVED_PREFIXES = ['kubernetes.io', 'k8s.io']
/** For administrators, to keep workloads off nodes that were broken into. */
const RESTRICTED = 'node-restriction.kubernetes.io'

type Labels = Readonly<Record<string, string>>

/** Labels that differ, and that a node's agent may not set; sorted. */
export function forbiddenLabels(labels: Labels, old: Labels): readonly string[] {
  const keys = new Set([...Object.keys(labels), ...Object.keys(old)])
  return [...keys].filter((key) => labels[key] !== old[key] && isForbidden(key)).toSorted()
}

function isForbidden(key: string): boolean {
  const slash = key.indexOf('/')
  const prefix = slash < 0 ? '' : key.slice(0, slash)
  const isBelow = (domain: string) => prefix === domain || prefix.endsWith(`.${domain}`)
  if (isBelow(RESTRICTED)) return true
  return RESERVED_PREFIXES.some(isBelow) && !ALLOWED.has(key) && !ALLOWED_PREFIXES.some(isBelow)
}
