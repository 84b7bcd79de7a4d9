/** Kinds that clients look for, and of which a cluster without storage drivers has no objects: they can be read only. */
import {
  bindings,
  componentStatuses,
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  volumeAttachments,
} from '../resources.ts'
import type {
  ComponentStatus,
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  VolumeAttachment,
} from '../storage.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'

const verbs = ['get', 'list', 'watch'] as const
const nameRule = isDNS1123Subdomain

export const csiDriver = defineKind<CSIDriver>({ resource: csiDrivers, verbs, nameRule })
export const csiNode = defineKind<CSINode>({ resource: csiNodes, verbs, nameRule })
export const csiStorageCapacity = defineKind<CSIStorageCapacity>({
  resource: csiStorageCapacities,
  verbs,
  nameRule,
})
export const volumeAttachment = defineKind<VolumeAttachment>({
  resource: volumeAttachments,
  verbs,
  subresources: ['status'],
  nameRule,
})

/** Deprecated upstream since v1.19, and never watched. */
export const componentStatus = defineKind<ComponentStatus>({
  resource: componentStatuses,
  verbs: ['get', 'list'],
  shortNames: ['cs'],
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  nameRule,
})

/** Never stored: creating one is what pods/binding does. */
export const binding = defineKind({ resource: bindings, verbs: ['create'], nameRule })
