import type { Node } from '#api/core.ts'
import { ageColumn, type Column, nameColumn, text } from '../column.ts'

const ROLE_PREFIX = 'node-role.kubernetes.io/'

function formatStatus({ spec, status }: Node): string {
  const ready = (status?.conditions ?? []).find(({ type }) => type === 'Ready')
  const words = [ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown']
  if (spec?.unschedulable) words.push('SchedulingDisabled')
  return words.join(',')
}

function formatRoles({ metadata }: Node): string {
  const roles = Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(ROLE_PREFIX) && key !== ROLE_PREFIX) return [key.slice(ROLE_PREFIX.length)]
    return key === 'kubernetes.io/role' && value !== '' ? [value] : []
  })
  return roles.length === 0 ? '<none>' : [...new Set(roles)].toSorted().join(',')
}

const addressOf = ({ status }: Node, type: string) =>
  (status?.addresses ?? []).find((address) => address.type === type)?.address ?? '<none>'

type TextFacts = Omit<NonNullable<NonNullable<Node['status']>['nodeInfo']>, 'swap'>
const fact = (name: keyof TextFacts) => (node: Node) => node.status?.nodeInfo?.[name] || '<unknown>'

export const nodeColumns: readonly Column<Node>[] = [
  nameColumn,
  text('Status', formatStatus),
  text('Roles', formatRoles),
  ageColumn,
  text('Version', ({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
  text('Internal-IP', (node) => addressOf(node, 'InternalIP'), true),
  text('External-IP', (node) => addressOf(node, 'ExternalIP'), true),
  text('OS-Image', fact('osImage'), true),
  text('Kernel-Version', fact('kernelVersion'), true),
  text('Container-Runtime', fact('containerRuntimeVersion'), true),
]
